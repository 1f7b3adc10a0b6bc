/** Why a target was not reached through its cluster's tunnel, and what people are told: the way, never the grants. */
import { ChannelRefusedError, SshError } from "@teleport-access/ssh";
import type { OpenRefusal } from "@teleport-access/ssh";
import type { TransportRefusal } from "@teleport-access/wire";

/** Why. */
export type DialRefusal =
  | TransportRefusal
  /** The cluster is trusted, but none of its agents is connected here. */
  | "no-tunnel"
  /** The agent could not reach the target. */
  | "target-unreachable"
  /** The agent did not answer, not even that it could not. */
  | "agent-silent"
  | "tunnel-lost";

/** What the agent may answer, word for word (packages/wire). */
const AGENT_REFUSALS: readonly TransportRefusal[] = [
  "target-not-listed",
  "target-address-forbidden",
  "malformed-request",
  "too-many-channels",
  "draining",
];

/** What the agent's answer, or the lack of one, means. */
export function dialRefusalOf(error: unknown): DialRefusal {
  if (!(error instanceof ChannelRefusedError)) return ownRefusalOf(error);
  return AGENT_REFUSALS.find((refusal) => error.message.endsWith(`"${refusal}"`)) ?? "target-unreachable";
}

/** What kept us from having an answer at all. */
function ownRefusalOf(error: unknown): DialRefusal {
  const code = error instanceof SshError ? error.code : undefined;
  if (code === "SSH_TIMEOUT") return "agent-silent";
  return code === "SSH_TOO_MANY_CHANNELS" ? "too-many-channels" : "tunnel-lost";
}

/** The answer to a channel open. */
export interface OpenAnswer {
  readonly code: OpenRefusal;
  readonly text: string;
}

/** What the agent's list says is the cluster owner's business. */
const NOT_LISTED: OpenAnswer = { code: "prohibited", text: "access denied" };

/** What the person's ssh prints. */
export const DIAL_ANSWERS: Readonly<Record<DialRefusal, OpenAnswer>> = {
  "target-not-listed": NOT_LISTED,
  "target-address-forbidden": NOT_LISTED,
  "malformed-request": NOT_LISTED,
  "too-many-channels": { code: "resource-shortage", text: "the agent has too many sessions open" },
  draining: { code: "connect-failed", text: "the agent is restarting; try again" },
  "no-tunnel": { code: "connect-failed", text: "the cluster has no connected agent" },
  "agent-silent": { code: "connect-failed", text: "the cluster's agent does not answer" },
  "tunnel-lost": { code: "connect-failed", text: "the connection to the cluster's agent was lost" },
  "target-unreachable": { code: "connect-failed", text: "the agent cannot reach the target" },
};

/** Whether a reason is one of these. */
export function isDialRefusal(reason: string): reason is DialRefusal {
  return Object.hasOwn(DIAL_ANSWERS, reason);
}
