/**
 * The failures of the proxy: one class, a closed list of codes. Refusals of people
 * are values, not errors (packages/access). docs/errors.md has a section for each code.
 */

/** What failed. */
export type ProxyErrorCode =
  /** A mounted key cannot be read or does not fit its public half. */
  | "KEY_UNUSABLE"
  /** A port is taken or may not be opened. */
  | "PORT_UNUSABLE"
  /** The environment lacks what the operator sets. */
  | "ENVIRONMENT_INCOMPLETE";

/** `message` is one sentence for the log: what, where, what to do next. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code: ProxyErrorCode;

  constructor(code: ProxyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
