/** The failures of the agent: one class, a closed list of codes. Refusals of targets are values, not errors. */

export type AgentErrorCode =
  /** The host key or certificate cannot be used; the message says why. */
  | "AGENT_HOST_IDENTITY"
  /** The web port of a proxy did not open a WebSocket for a tunnel. */
  | "AGENT_WEBSOCKET"
  /** A target could not be reached; the message is safe to show to the proxy's users. */
  | "AGENT_DIAL";

export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
