/** What a server tells its program about peers that are not, not yet, or no longer connections. */
import type { AdmissionRefusal } from "./admission.ts";
import type { AuthRefusal } from "./auth-server.ts";
import type { NegotiatedAlgorithms } from "./connection.ts";

/** Why a server turned a peer away by itself; refusals by `authenticate` are the program's own. */
export type SshRefusal =
  AdmissionRefusal | AuthRefusal | "login-grace" | "protocol-error" | "no-host-key" | "proxy-header";

/** Somebody whose socket was taken; who it is nobody knows yet. */
export interface ArrivedPeer {
  /** The same as of the SshConnection and the AuthRequests that may follow. */
  readonly id: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** The same peer when its connection is over. */
export interface DepartedPeer<I> extends ArrivedPeer {
  /** Undefined: it never authenticated. */
  readonly identity: I | undefined;
  /** The SSH user name asked for; empty when it came to none. */
  readonly user: string;
  /** As in SshPeer: printable, bounded, and whatever it likes to say. */
  readonly peerVersion: string;
  readonly algorithms: NegotiatedAlgorithms;
  /** Bytes on the socket, encryption included. */
  readonly received: number;
  readonly sent: number;
  /** From accept to end. */
  readonly milliseconds: number;
  /** What ended it, when it was not ended in good order. */
  readonly error?: string;
}

export interface RefusedPeer {
  /** Undefined for a socket that was not taken. */
  readonly connection?: string;
  readonly remoteAddress: string;
  /** The user name asked for; empty when it came to none. */
  readonly user: string;
  readonly reason: SshRefusal;
  /** For the log: what was wrong on the wire. */
  readonly detail?: string;
}
