/**
 * The browser's program: finds out which page to show, and shows it.
 */
import type { JSX } from "preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { SessionAnswer } from "../web/api.ts";
import { readSession, RefusedError, sentenceOf } from "./api.tsx";
import { HomePage } from "./home-page.tsx";
import { InvitePage } from "./invite-page.tsx";
import { Card, Frame, Problem } from "./layout.tsx";
import { SignInPage } from "./sign-in-page.tsx";

type View =
  | { readonly name: "loading" }
  | { readonly name: "broken"; readonly problem: string }
  | { readonly name: "invite" }
  | { readonly name: "sign-in"; readonly notice?: string; readonly user?: string }
  | { readonly name: "home"; readonly session: SessionAnswer };

/** How often the page looks whether grants or the sign-in have changed. */
const REFRESH_MS = 15_000;

function App(): JSX.Element {
  const [view, setView] = useState<View>(
    location.pathname === "/invite" ? { name: "invite" } : { name: "loading" },
  );

  async function load(previous: View["name"]): Promise<void> {
    try {
      setView({ name: "home", session: await readSession(previous === "home" ? "look" : "use") });
    } catch (error) {
      if (error instanceof RefusedError && error.code === "not-signed-in") {
        setView(
          previous === "home"
            ? { name: "sign-in", notice: "You were signed out. Sign in again." }
            : { name: "sign-in" },
        );
      } else if (previous !== "home") {
        setView({ name: "broken", problem: sentenceOf(error) });
      }
    }
  }

  useEffect(() => {
    if (view.name === "loading") void load(view.name);
    if (view.name !== "home") return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void load("home");
    }, REFRESH_MS);
    return () => {
      clearInterval(timer);
    };
  }, [view.name]);

  return <Page view={view} onChange={setView} />;
}

function Page(props: { view: View; onChange: (view: View) => void }): JSX.Element {
  const { view, onChange } = props;
  switch (view.name) {
    case "loading":
      return <Frame>{null}</Frame>;
    case "broken":
      return (
        <Frame>
          <Card narrow id="broken" title="Something is wrong">
            <Problem text={view.problem} />
          </Card>
        </Frame>
      );
    case "invite":
      return (
        <InvitePage
          onEnrolled={(user) => {
            // The invite is used up: it should not stay in the address bar or the history.
            history.replaceState(null, "", "/");
            onChange({
              name: "sign-in",
              user,
              notice: "Your account is ready. Sign in with a new code from your app.",
            });
          }}
        />
      );
    case "sign-in":
      return (
        <SignInPage
          {...view}
          onSignedIn={() => {
            onChange({ name: "loading" });
          }}
        />
      );
    case "home":
      return (
        <HomePage
          session={view.session}
          onSignedOut={() => {
            onChange({ name: "sign-in", notice: "You are signed out." });
          }}
        />
      );
  }
}

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
