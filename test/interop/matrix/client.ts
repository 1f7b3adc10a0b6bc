/**
 * The vocabulary of the matrix: what a cell asks of a client, whatever program or
 * library that is, and the way it goes to the target.
 */

/** direct: no product in between, the reference. jump: `ssh -J`. forward: `ssh -A login@target@proxy`. */
export type Form = "direct" | "jump" | "forward";

/** One server on the way, as a client has to know it. */
export interface Hop {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** What its key is known as: a host certificate names it. */
  readonly name: string;
  /** Its plain host key, as a line of OpenSSH. */
  readonly hostKey: string;
  /** The host CA, where the server has a certificate. */
  readonly authority?: string;
}

/** The way to a target. */
export interface Route {
  readonly form: Form;
  /** One inside the other; the last one is where things happen. */
  readonly hops: readonly [Hop, ...Hop[]];
  /** What a person types: `web-1.prod`. */
  readonly target: string;
  readonly login: string;
  /** The ssh_config that the key-helper generated for these people, included by the file named here. */
  readonly sshConfig: string;
  /** The private key's file; `<key>-cert.pub` is its certificate, unless this one has none. */
  readonly key: string;
  readonly certified: boolean;
  /** SSH_AUTH_SOCK of an agent that holds both. */
  readonly agent: string;
  /** Whether every session forwards it, as the forward form needs. */
  readonly forwardsAgent: boolean;
  /** A folder for what this cell's client writes. */
  readonly scratch: string;
}

/** Taken once `after` has been shown. */
export interface Step {
  readonly after: string;
  /** Rows and columns. */
  readonly resize?: readonly [number, number];
  readonly type?: string;
}

/** What a person at an X server has in the environment. */
export interface Display {
  readonly DISPLAY: string;
  readonly XAUTHORITY: string;
}

export type Operation =
  | {
      /** A command, or a shell without one: our stdin, stdout, stderr and exit code are its. */
      readonly do: "session";
      readonly command?: string;
      readonly env?: Readonly<Record<string, string>>;
      /** Forward the agent. */
      readonly agent?: boolean;
      /** Forward X11 of this display. */
      readonly display?: Display;
      /** Re-key after each megabyte. */
      readonly rekey?: boolean;
      readonly terminal?: {
        readonly rows: number;
        readonly columns: number;
        readonly steps: readonly Step[];
      };
    }
  /** A command is sent a signal once it has printed `after`, by a message of SSH (RFC 4254, section 6.9). */
  | { readonly do: "signal"; readonly command: string; readonly after: string; readonly signal: string }
  /** So many sessions at once in one connection; prints what each prints. */
  | { readonly do: "sessions"; readonly count: number; readonly command: string }
  /** Our stdin and stdout are a connection made by the last hop: `ssh -W`. */
  | { readonly do: "dial"; readonly host: string; readonly port: number }
  /** Prints "ready" once it forwards on 127.0.0.1, then goes on until its stdin ends. */
  | {
      readonly do: "forward";
      /** "socket" leads to a Unix socket of the target. */
      readonly kind: "local" | "remote" | "socks" | "socket";
      readonly listen: number;
      readonly to?: number;
      readonly path?: string;
    }
  /** A file there and back: [from, to] each. */
  | {
      readonly do: "sftp" | "scp" | "scp-over-sftp";
      readonly put: readonly [string, string];
      readonly get: readonly [string, string];
    };

/** What to start. */
export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Given to programs that are told by their input. */
  readonly input?: string;
}

/** Something that a client cannot do by itself, and why: no fault of anybody's server. */
export class NotApplicable extends Error {}

/** One column. */
export interface MatrixClient {
  readonly id: string;
  /** With its version, for people. */
  readonly name: string;
  /** Which target it goes to: `web-1`, or another one. */
  readonly target: string;
  /** @throws NotApplicable */
  invoke(route: Route, operation: Operation): Invocation;
  /** The command that rsync, git, sshfs put before a host's name, and that name. @throws NotApplicable */
  remoteShell(route: Route): {
    readonly shell: string;
    readonly destination: string;
    readonly variant: string;
  };
}

/** A column whose client is not here, and why. */
export interface MissingClient {
  readonly id: string;
  readonly name: string;
  readonly missing: string;
}
