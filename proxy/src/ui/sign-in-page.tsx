/**
 * Signing in: user, password, code, in one form and one request.
 */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { sentenceOf, signIn } from "./api.tsx";
import { Card, CodeField, Field, Frame, Problem, valuesOf } from "./layout.tsx";

export function SignInPage(props: { notice?: string; user?: string; onSignedIn: () => void }): JSX.Element {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    const { user = "", password = "", code = "" } = valuesOf(event);
    setBusy(true);
    setProblem("");
    try {
      await signIn({ user: user.trim(), password, code });
      props.onSignedIn();
    } catch (error) {
      setProblem(sentenceOf(error));
      setBusy(false);
    }
  }

  return (
    <Frame>
      <Card
        narrow
        id="sign-in"
        title="Sign in"
        lead={props.notice ?? "Once a working day. Your SSH certificate is renewed while you are signed in."}
      >
        <form onSubmit={(event) => void submit(event)}>
          <Field
            label="User"
            name="user"
            autoComplete="username"
            autoCapitalize="none"
            spellcheck={false}
            defaultValue={props.user ?? ""}
            autoFocus={props.user === undefined}
            required
          />
          <Field
            label="Password"
            name="password"
            type="password"
            autoComplete="current-password"
            autoFocus={props.user !== undefined}
            required
          />
          <CodeField />
          <Problem text={problem} />
          <button type="submit" disabled={busy}>
            {busy ? "Signing in…" : "Sign in"}
          </button>
        </form>
      </Card>
    </Frame>
  );
}
