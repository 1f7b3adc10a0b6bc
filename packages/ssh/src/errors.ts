/** The failures of this package: one class, a closed list of codes. Refusals of people are values, not errors. */

export type SshErrorCode =
  | "SSH_STARTUP"
  | "SSH_UNREACHABLE"
  | "SSH_TIMEOUT"
  | "SSH_HOST_KEY_MISMATCH"
  | "SSH_AUTH_REFUSED"
  | "SSH_PROTOCOL"
  | "SSH_CONNECTION_CLOSED"
  | "SSH_CHANNEL_REFUSED"
  | "SSH_REQUEST_REFUSED"
  | "SSH_TOO_MANY_CHANNELS"
  | "SSH_AGENT"
  | "SSH_BAD_OPTION";

/** A failure of an SSH connection, channel or agent. `message` is for the log; it never holds key material. */
export class SshError extends Error {
  readonly code: SshErrorCode;

  constructor(code: SshErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "SshError";
    this.code = code;
  }
}

/** ssh2 is not the ssh2 that was reviewed, or does not work here: the program must not start. */
export class SshStartupError extends SshError {
  constructor(message: string, cause?: unknown) {
    super("SSH_STARTUP", message, cause);
    this.name = "SshStartupError";
  }
}

/** Why the peer refused a channel (RFC 4254, section 5.1). */
export const OPEN_REFUSAL = {
  prohibited: 1,
  "connect-failed": 2,
  "unknown-type": 3,
  "resource-shortage": 4,
} as const;
export type OpenRefusal = keyof typeof OPEN_REFUSAL;

/** The peer said no to a channel open. */
export class ChannelRefusedError extends SshError {
  readonly reason: OpenRefusal | "unknown";

  constructor(type: string, reasonCode: number, text: string) {
    const entry = Object.entries(OPEN_REFUSAL).find(([, number]) => number === reasonCode);
    const reason = entry === undefined ? "unknown" : (entry[0] as OpenRefusal);
    super("SSH_CHANNEL_REFUSED", `peer refused a ${type} channel (${reason}): ${JSON.stringify(text)}`);
    this.name = "ChannelRefusedError";
    this.reason = reason;
  }
}
