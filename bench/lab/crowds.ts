/** The two crowds that benchmarks send: many agents to our proxy, many connections to sshd. */
import type { CpuGroup } from "../measure/cpu.ts";
import { agentIdentity, publicLine } from "./estate.ts";
import type { Estate } from "./estate.ts";
import type { CrowdCount, CrowdOrders } from "./crowd.ts";
import { identityText, startLoad } from "./load.ts";
import { agentConfig, TUNNEL_PORT } from "./product.ts";
import { LOGIN } from "./sandbox.ts";
import { P1, TARGET_PORT } from "./setting.ts";

/** Below what the schema lets one cluster have (256 tunnels), two a member. */
const AGENTS_PER_CLUSTER = 125;

export interface Crowd {
  start(): Promise<CrowdCount>;
  mark(): Promise<CrowdCount>;
  count(): Promise<CrowdCount>;
  stop(): Promise<void>;
}

/** The clusters that so many agents belong to. */
export function crowdClusters(agents: number): string[] {
  return Array.from({ length: Math.ceil(agents / AGENTS_PER_CLUSTER) }, (_, index) => `crowd-${index}`);
}

/** Agents of ours: each keeps two tunnels to the one proxy there is. */
export function createAgentCrowd(estate: Estate, agents: number, group: CpuGroup): Crowd {
  const clusters = crowdClusters(agents);
  const ports = { target: TARGET_PORT, tunnel: TUNNEL_PORT };
  const members = Array.from({ length: agents }, (_, index) => {
    const cluster = clusters[Math.floor(index / AGENTS_PER_CLUSTER)] ?? "";
    return {
      config: agentConfig(estate, cluster, ports),
      identity: identityText(agentIdentity(estate, cluster)),
    };
  });
  return crowd({ port: TUNNEL_PORT, hostKey: publicLine(estate.proxyHost), user: "", members }, group);
}

/** Connections to the peer's jump host. */
export function createPlainCrowd(estate: Estate, connections: number, group: CpuGroup): Crowd {
  const identity = identityText(estate.user);
  const members = Array.from({ length: connections }, () => ({ identity }));
  return crowd({ port: P1.jumpPort, hostKey: publicLine(estate.proxyHost), user: LOGIN, members }, group);
}

function crowd(orders: CrowdOrders, group: CpuGroup): Crowd {
  const load = startLoad("lab/crowd.ts", orders, group);
  async function ask(word: string): Promise<CrowdCount> {
    load.tell(word);
    return (await load.next()) as CrowdCount;
  }
  return {
    start: () => ask("start"),
    mark: () => ask("mark"),
    count: () => ask("count"),
    stop: () => load.stop(),
  };
}
