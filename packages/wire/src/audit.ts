/**
 * The words of the audit log: which events there are and what a line carries. What each means to
 * whoever reads the log: docs/audit.md, which a test holds to this file.
 *
 * A line is one JSON object in the program's log with `audit: true`. It names
 * people, targets and objects; never a secret.
 */
import { visibleText } from "@teleport-access/daemon";
import { MAX_AUDIT_TEXT } from "./limits.ts";

export const AUDIT_EVENTS = [
  /** A socket of the SSH port or the tunnel port was taken; its end. */
  "connection.open",
  "connection.end",
  /** An SSH connection authenticated or was refused. */
  "ssh.auth",
  /** A channel to a target was opened or refused. */
  "channel.open",
  /** Something beside what a channel is for was refused: a terminal, X11, remote forwarding. */
  "channel.request",
  /** The proxy logged in to a target for a person (forward form), or could not. */
  "target.login",
  /** An agent was asked to dial a target, and how long that took. */
  "target.dial",
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
  /** Lines about strangers, or refusals inside one connection, that were counted and not written: they came too fast. */
  "audit.withheld",
] as const;

export type AuditEventName = (typeof AUDIT_EVENTS)[number];

export type AuditOutcome = "allowed" | "denied" | "info";

/** What is allowed, but should be mended. */
export type AuditWarning = "rsa-key-below-3072";

/** The names inside `detail`. */
export const AUDIT_DETAILS = [
  "port",
  "clientPort",
  "sshUser",
  "peerVersion",
  "keyExchange",
  "hostKey",
  "cipher",
  "error",
  "keyVerifiedUser",
  "keyCounter",
  "form",
  "kind",
  "request",
  "terminal",
  "agentForwarding",
  "agent",
  "tokenName",
  "sessions",
  "lines",
] as const;

/** Short texts and numbers by their names. */
export type AuditDetail = Readonly<
  Partial<Record<(typeof AUDIT_DETAILS)[number], string | number | boolean>>
>;

/** The object that an allowance or an end is due to. */
export interface AuditGrant {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** The certificate that somebody showed or got. */
export interface AuditCertificate {
  readonly keyId: string;
  readonly serial: string;
  /** The fingerprint of the CA key that signed it, as `ssh-keygen -l` prints it. */
  readonly authority: string;
}

/** What a line carries; the order is that of the line. */
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
  /** The proxy's id of the SSH connection. */
  readonly connection?: string;
  /** The proxy's id of what the connection carries; the agent logs it, too. */
  readonly session?: string;
  /** The LoginSession behind it. */
  readonly loginSession?: string;
  readonly grant?: AuditGrant;
  readonly certificate?: AuditCertificate;
  /** A TOTP code was given for this connection. */
  readonly secondFactor?: boolean;
  readonly warnings?: readonly AuditWarning[];
  /** How long the act took: from the change that ended a session to its cut, or a dial. */
  readonly elapsedMs?: number;
  /** How long what ended had lasted. */
  readonly durationMs?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** Anything else that explains. */
  readonly detail?: AuditDetail;
}

/**
 * The fields of the log line; the log adds `time`. Every text is bounded and has nothing in it that a terminal or a reader
 * of lines would act on: names and errors come from strangers.
 */
export function auditLine(event: AuditEvent): Readonly<Record<string, unknown>> {
  return { audit: true, ...printable(event) };
}

function printable(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, printableValue(value)]));
}

function printableValue(value: unknown): unknown {
  if (typeof value === "string") return visibleText(value, MAX_AUDIT_TEXT);
  if (Array.isArray(value)) return value.map(printableValue);
  return typeof value === "object" && value !== null ? printable(value) : value;
}
