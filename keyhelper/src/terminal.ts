/**
 * Everything the key-helper says to a person.
 *
 * Rules: results go to stdout, all else to stderr behind "key-helper:"; lower
 * case, no full stop; an error says what went wrong with which input and what to
 * do next, in one sentence. Tokens and key material are never printed, and
 * nothing a server sent can move the cursor.
 */
import type { SignInState } from "@teleport-access/wire";
import type { KeyHelperError } from "./errors.ts";

/** The text of --help. */
export const USAGE = `Usage: teleport-key-helper --server=URL --auth=USER --token=TOKEN --key-path=FILE --cert-path=FILE

Keeps the SSH certificate of this machine fresh: connects to the proxy, waits
until USER signs in on its web page, and writes the certificate that the proxy
signs. It also writes an ssh_config and a known_hosts file for the targets. An
SSH agent that holds an earlier certificate of the key is given the new one.

  --server=URL        the proxy's web address, such as https://proxy.example.com
  --auth=USER         your user name
  --token=TOKEN       the token that the web page made for this machine
  --token-file=FILE   instead of --token: a file that holds it
  --key-path=FILE     your SSH public key; the private key is never read
  --cert-path=FILE    where the certificate is written

  --ca-file=FILE      the authority of the server's TLS certificate, in PEM
  --state-dir=FOLDER  where this machine's device key is kept
                      [~/.local/state/teleport-key-helper]
  --ssh-config=FILE   the ssh_config to write   [STATE-DIR/HOST/ssh_config]
  --known-hosts=FILE  the known_hosts to write  [STATE-DIR/HOST/known_hosts]
  --help              this text
  --version           the version

Example:
  teleport-key-helper --server=https://proxy.example.com --auth=alice \\
    --token=tah_… --key-path=~/.ssh/id_ed25519.pub --cert-path=~/.ssh/id_ed25519-cert.pub

For ssh to use it, ~/.ssh/config begins with this line:
  Include ~/.local/state/teleport-key-helper/proxy.example.com/ssh_config
`;

/** Where words go. */
export interface Output {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** Says things. */
export interface Terminal {
  /** Exactly this text, on stdout. */
  print(text: string): void;
  certificateWritten(path: string, validBefore: string): void;
  certificateRemoved(path: string, reason: string): void;
  agentUpdated(): void;
  agentCleared(): void;
  agentFailed(problem: string): void;
  connected(server: string, user: string, sshConfig: string): void;
  state(state: SignInState, webAddress: string): void;
  noAccess(reason: string): void;
  retrying(problem: string, waitMs: number): void;
  stopped(): void;
  failed(error: KeyHelperError): void;
}

/** A terminal on `output`. */
export function createTerminal(output: Output): Terminal {
  function result(text: string): void {
    output.stdout(`${clean(text)}\n`);
  }
  function note(text: string): void {
    output.stderr(`key-helper: ${clean(text)}\n`);
  }
  let hinted = false;
  let agentProblem = "";
  return {
    print: (text) => {
      output.stdout(text);
    },
    certificateWritten: (path, validBefore) => {
      result(`certificate written to ${path}, valid until ${validBefore}`);
    },
    certificateRemoved: (path, reason) => {
      result(`certificate removed from ${path}: ${reasonText(reason)}`);
    },
    agentUpdated: () => {
      agentProblem = "";
      note("the SSH agent has the new certificate");
    },
    agentCleared: () => {
      note("the SSH agent has it no more");
    },
    agentFailed: (problem) => {
      // Whoever does not use their agent has read it once.
      if (problem !== agentProblem) note(`the SSH agent was not updated: ${problem}`);
      agentProblem = problem;
    },
    connected: (server, user, sshConfig) => {
      note(`connected to ${server} as ${user}`);
      if (!hinted) note(`for ssh to use it, ~/.ssh/config needs this first line: Include "${sshConfig}"`);
      hinted = true;
    },
    state: (state, webAddress) => {
      if (state === "waiting") note(`waiting for a sign-in at ${webAddress}`);
      else note("signed in");
    },
    noAccess: (reason) => {
      note(`no certificate now: ${reasonText(reason)}`);
    },
    retrying: (problem, waitMs) => {
      note(`${problem}; trying again in ${Math.max(1, Math.round(waitMs / 1000))} s`);
    },
    stopped: () => {
      note("stopped");
    },
    failed: (error) => {
      note(error.sentence);
    },
  };
}

/** What the proxy's words mean. An unknown word is shown as it is. */
const REASON_TEXTS: Readonly<Record<string, string>> = {
  "no-grant": "you have no access to any server now",
  "target-not-granted": "none of the servers that your access names exists now",
  "grant-expired": "your access is over",
  "grant-not-started": "your access has not begun",
  "grant-suspended": "your access is suspended",
  "session-gone": "you are signed out",
  "session-expired": "your sign-in is over",
  "user-suspended": "your user is suspended",
  "user-unknown": "your user was deleted",
  suspended: "your user is suspended",
  "bad-token": "the token of this machine was deleted",
  "expired-token": "the token of this machine is over",
  "cluster-not-trusted": "the cluster is not trusted any more",
  "key-not-acceptable": "the proxy does not certify this kind of SSH key",
};

function reasonText(reason: string): string {
  return REASON_TEXTS[reason] ?? reason;
}

/** Control characters, C1 included, and invisible marks that reorder text become "?". */
function clean(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
}
