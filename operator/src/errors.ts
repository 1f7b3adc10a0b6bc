/**
 * The failures of this program. A condition that a person can mend is not one of
 * them: that is a value in a plan. docs/errors.md has a section for each code.
 */
export type OperatorErrorCode =
  /** An environment variable is missing or wrong. */
  | "CONFIG"
  /** A CA key was replaced between the decision to sign with it and the signature; the next pass sees the new state. */
  | "CA_KEY_CHANGED"
  /** A host key Secret holds something that is not a key; it is never overwritten. */
  | "HOST_KEY_UNREADABLE"
  /** A plan asked for the same key again and again. */
  | "PLAN_UNSTABLE"
  /** An object to make exists and belongs to somebody else. */
  | "NAME_CONFLICT"
  /** The Lease was lost: another operator leads. */
  | "LEASE_LOST";

export class OperatorError extends Error {
  override readonly name = "OperatorError";
  readonly code: OperatorErrorCode;

  constructor(code: OperatorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
