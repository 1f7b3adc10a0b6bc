/**
 * Enrolment: the person who opens an invite chooses a password and connects an
 * authenticator app. The invite stands in the URL's fragment, which browsers do
 * not send: it reaches the server in a request body and no log on the way.
 */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { EnrollStartAnswer, EnrollStartRequest } from "../web/api.ts";
import { finishEnrollment, sentenceOf, startEnrollment } from "./api.tsx";
import { Card, CodeField, Copyable, Field, Frame, Problem, valuesOf } from "./layout.tsx";

const MIN_PASSWORD_LENGTH = 12;

/** `#<user>.<token>`; a user name may have dots, a token has none. */
function inviteOf(fragment: string): EnrollStartRequest | undefined {
  const match = /^#([a-z0-9][-a-z0-9.]*)\.([A-Za-z0-9_-]+)$/.exec(fragment);
  return match === null ? undefined : { user: match[1] ?? "", token: match[2] ?? "" };
}

export function InvitePage(props: { onEnrolled: (user: string) => void }): JSX.Element {
  const [invite] = useState(() => inviteOf(location.hash));
  const [start, setStart] = useState<EnrollStartAnswer>();
  const [problem, setProblem] = useState("");

  useEffect(() => {
    if (invite === undefined) {
      setProblem("This is not a whole invite link. Open it exactly as you received it.");
      return;
    }
    startEnrollment(invite).then(setStart, (error: unknown) => {
      setProblem(sentenceOf(error));
    });
  }, [invite]);

  if (invite === undefined || start === undefined) {
    return (
      <Frame>
        <Card
          narrow
          id="invite"
          title={problem === "" ? "Checking the invite…" : "This invite does not work"}
        >
          <Problem text={problem} />
        </Card>
      </Frame>
    );
  }
  return <EnrollForm invite={invite} start={start} onEnrolled={props.onEnrolled} />;
}

function EnrollForm(props: {
  invite: EnrollStartRequest;
  start: EnrollStartAnswer;
  onEnrolled: (user: string) => void;
}): JSX.Element {
  const { invite, start } = props;
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    const { password = "", repeated = "", code = "" } = valuesOf(event);
    if (password !== repeated) {
      setProblem("The two passwords are not the same.");
      return;
    }
    setBusy(true);
    setProblem("");
    try {
      const answer = await finishEnrollment({ ...invite, enrollment: start.enrollment, password, code });
      props.onEnrolled(answer.user);
    } catch (error) {
      setProblem(sentenceOf(error));
      setBusy(false);
    }
  }

  return (
    <Frame>
      <Card
        id="invite"
        title={`Welcome, ${invite.user}`}
        lead="Choose a password and connect an authenticator app. Both are asked for at each sign-in."
      >
        <form onSubmit={(event) => void submit(event)} class="two-columns">
          <PasswordFields user={invite.user} />
          <AuthenticatorFields start={start} />
          <div class="span">
            <Problem text={problem} />
            <button type="submit" disabled={busy}>
              {busy ? "Saving…" : "Finish"}
            </button>
          </div>
        </form>
      </Card>
    </Frame>
  );
}

function PasswordFields(props: { user: string }): JSX.Element {
  return (
    <fieldset>
      <legend>1. Choose a password</legend>
      {/* For password managers, which file the password under the user's name. */}
      <input
        class="unseen"
        name="username"
        autoComplete="username"
        value={props.user}
        tabIndex={-1}
        aria-hidden="true"
        readOnly
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        minLength={MIN_PASSWORD_LENGTH}
        maxLength={200}
        hint={`At least ${MIN_PASSWORD_LENGTH} characters. A few unrelated words are good.`}
        autoFocus
        required
      />
      <Field label="Password again" name="repeated" type="password" autoComplete="new-password" required />
    </fieldset>
  );
}

function AuthenticatorFields(props: { start: EnrollStartAnswer }): JSX.Element {
  const { start } = props;
  return (
    <fieldset>
      <legend>2. Connect an authenticator app</legend>
      <img class="qr" src={start.qr} width="200" height="200" alt="QR code with the secret below" />
      <p class="hint">Scan the code with the app, or type this secret into it:</p>
      <Copyable text={start.totpSecret} label="the secret" />
      <CodeField />
    </fieldset>
  );
}
