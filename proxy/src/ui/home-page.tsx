/**
 * What a signed-in person sees: who they are, where they may go, their machines.
 */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { SessionAnswer, TargetGroup } from "../web/api.ts";
import { sentenceOf, signOut } from "./api.tsx";
import { Card, Copyable, Frame, Problem, timeText } from "./layout.tsx";
import { MachinesCard } from "./machines-card.tsx";

export function HomePage(props: { session: SessionAnswer; onSignedOut: () => void }): JSX.Element {
  const { session } = props;
  const [problem, setProblem] = useState("");

  async function leave(): Promise<void> {
    try {
      await signOut();
      props.onSignedOut();
    } catch (error) {
      setProblem(sentenceOf(error));
    }
  }

  const aside = (
    <>
      <span class="who">
        <strong>{session.user}</strong>
        <span class="until">signed in until {timeText(session.expirationTime)}</span>
      </span>
      <button
        type="button"
        class="quiet"
        title="Ends this sign-in everywhere: this page, your certificate, and the SSH sessions that came from it"
        onClick={() => void leave()}
      >
        Sign out
      </button>
    </>
  );
  return (
    <Frame aside={aside}>
      <h1 class="unseen">Access of {session.user}</h1>
      <Problem text={problem} />
      <AccessCard targets={session.targets} />
      <MachinesCard />
    </Frame>
  );
}

function AccessCard(props: { targets: readonly TargetGroup[] }): JSX.Element {
  if (props.targets.length === 0) {
    return (
      <Card
        part
        id="access"
        title="Your access"
        lead="You have no access to any server now. Ask whoever manages access for a grant; this page and your key-helper notice it by themselves."
      />
    );
  }
  return (
    <Card
      part
      id="access"
      title="Your access"
      lead="With a key-helper running, use ssh, scp, sftp, rsync or git as usual."
    >
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Cluster</th>
              <th scope="col">Hosts</th>
              <th scope="col">Logins</th>
              <th scope="col">For example</th>
            </tr>
          </thead>
          <tbody>
            {props.targets.map((group) => (
              <AccessRow key={JSON.stringify(group)} group={group} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function AccessRow(props: { group: TargetGroup }): JSX.Element {
  const { group } = props;
  return (
    <tr>
      <th scope="row">{group.cluster}</th>
      <td>{group.hosts.map((host) => (host === "*" ? "all" : host)).join(", ")}</td>
      <td>{group.logins.join(", ")}</td>
      <td>
        <Copyable text={exampleOf(group)} label="the command" />
      </td>
    </tr>
  );
}

function exampleOf(group: TargetGroup): string {
  const named = group.hosts.find((host) => !/[*?[]/.test(host));
  return `ssh ${group.logins[0] ?? "login"}@${named ?? "host"}.${group.cluster}`;
}
