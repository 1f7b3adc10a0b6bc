/**
 * The words of the audit log: which events there are and what a line carries.
 *
 * A line is one JSON object in the program's log with `audit: true`. It names
 * people, targets and objects; never a secret.
 */

export const AUDIT_EVENTS = [
  /** An SSH connection authenticated or was refused. */
  "ssh.auth",
  /** A channel to a target was opened or refused. */
  "channel.open",
  /** Something beside what a channel is for was refused: a terminal, X11, remote forwarding. */
  "channel.request",
  /** The proxy logged in to a target for a person (forward form), or could not. */
  "target.login",
  /** A channel or terminal ended, on its own or because access ended. */
  "session.end",
  /** An agent's connection authenticated or was refused. */
  "tunnel.auth",
  "tunnel.up",
  "tunnel.down",
  /** Password and code were right or not. */
  "sign-in",
  "sign-out",
  /** An invite was used. */
  "enroll",
  /** The user CA signed, or refused to sign, a person's certificate. */
  "certificate.issue",
  "key-helper.connect",
  "key-helper.refuse",
  /** Access narrowed and something live was closed for it. */
  "access.revoked",
] as const;
export type AuditEventName = (typeof AUDIT_EVENTS)[number];

export type AuditOutcome = "allowed" | "denied" | "info";

/** Why a sign-in or an enrolment was refused. People see one text for all of them. */
export type SignInRefusal =
  | "unknown-user"
  | "not-enrolled"
  | "wrong-password"
  | "wrong-code"
  | "code-reused"
  | "locked-out"
  | "rate-limited"
  | "suspended"
  | "bad-invite"
  | "expired-invite"
  | "conflict";

/** Why an agent's connection was refused. Certificate reasons are prefixed as in packages/access. */
export type TunnelRefusal =
  | "not-a-cluster"
  | "not-a-certificate"
  | "cluster-not-trusted"
  | "cluster-suspended"
  | "source-not-allowed"
  | "too-many-tunnels"
  | "no-hello"
  | "wrong-cluster"
  | "channel-not-allowed";

/** Why something live ended, when it was not its own end; reasons of packages/access come on top. */
export type SessionEndReason = "closed" | "shutdown" | "idle" | "tunnel-lost" | "target-lost" | "error";

/** The object that an allowance or an end is due to. */
export interface AuditGrant {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface AuditEvent {
  readonly event: AuditEventName;
  readonly outcome: AuditOutcome;
  /** From a closed union of the producer: kebab-case. */
  readonly reason?: string;
  readonly user?: string;
  readonly cluster?: string;
  /** `host.cluster`, with `:port` when it is not 22. */
  readonly target?: string;
  readonly login?: string;
  /** The address that the person or agent comes from. */
  readonly client?: string;
  /** The proxy's id of the connection or channel. */
  readonly session?: string;
  /** The LoginSession behind it. */
  readonly loginSession?: string;
  readonly grant?: AuditGrant;
  /** The certificate: key id, serial, CA fingerprint. */
  readonly certificate?: { readonly keyId: string; readonly serial: string; readonly authority: string };
  /** A TOTP code was given for this connection. */
  readonly secondFactor?: boolean;
  /** Milliseconds from the change that ended it, or that it lasted. */
  readonly elapsedMs?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** Anything else that explains; short texts and numbers. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** The fields of the log line; the log adds `time`. */
export function auditLine(event: AuditEvent): Readonly<Record<string, unknown>> {
  return { audit: true, ...event };
}
