/**
 * The cluster agent as a library: for tests that run one in their own process.
 * The program is main.ts.
 */
export { startAgent } from "./agent.ts";
export type { Agent, AgentOptions } from "./agent.ts";
export type { HostIdentity } from "./host-identity.ts";
export { RedialPace } from "./redial-pace.ts";
