/**
 * An agent that keeps its tunnels and never answers when it is asked to dial, beside a good one of the same cluster:
 * people get in over the good one within seconds, and the silent one costs nothing more.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@teleport-access/testkit";
import type { RunningCommand } from "@teleport-access/testkit";
import { MSG } from "../../packages/ssh/src/messages.ts";
import type { ForwardWorld } from "./forward-world.ts";
import { startForwardWorld } from "./forward-world.ts";
import { connectAgent, stayAlive } from "./hostile-peers.ts";
import type { HostileAgent } from "./hostile-peers.ts";
import { localOpenSsh } from "./proxy-world.ts";

/** Two seconds until another agent is asked, and a login on two busy cores; without it they would wait for twenty. */
const WITHIN_MS = 10_000;
const SOON = { deadlineMs: 30_000, everyMs: 20 };

let forward: ForwardWorld;
const silent: HostileAgent[] = [];
/** Sessions of others. */
const held: RunningCommand[] = [];

before(async () => {
  forward = await startForwardWorld(localOpenSsh());
});
after(async () => {
  for (const one of held) await one.stop();
  for (const { peer } of silent) peer.transport.destroy();
  await forward.close();
});

function ups(agent: string): number {
  return forward.world.audit.filter(
    ({ event, detail }) => event === "tunnel.up" && detail?.["agent"] === agent,
  ).length;
}

/** Both connections of an agent that says hello and nothing else. */
async function startSilentAgent(): Promise<void> {
  const { world } = forward;
  const hello = {
    ...{ type: "hello", version: 1, agent: "silent-agent-0", cluster: "prod" },
    userCAFingerprints: [],
    targets: [{ host: "web-1", ports: [22] }],
  };
  for (let i = 0; i < 2; i += 1) {
    const agent = await connectAgent(world.ports.tunnel, { cluster: "prod", ca: world.keys.hostCa, hello });
    void stayAlive(agent.peer);
    silent.push(agent);
  }
  function isUp(): boolean {
    return ups(hello.agent) === 2;
  }
  await until("the silent agent's tunnels", isUp, SOON);
}

function asked(): number {
  const opens = silent.flatMap(({ peer }) => peer.received.filter(([type]) => type === MSG.CHANNEL_OPEN));
  return opens.length;
}

async function logIn(form: "jump" | "forward"): Promise<number> {
  const { world } = forward;
  const from = performance.now();
  const output =
    form === "jump"
      ? (await world.client().run(`${world.login}@web-1.prod`, "echo in")).stdout
      : (await forward.ssh(["echo in"])).stdout.toString();
  assert.equal(output, "in\n");
  return performance.now() - from;
}

test("an agent that never answers keeps nobody out, and is asked no more", async (context) => {
  const { world } = forward;
  // Sessions in the good agent's tunnels make the silent one's the least busy.
  for (let i = 0; i < 4; i += 1) held.push(await world.client().holdStream(`${world.login}@web-1.prod`));
  await startSilentAgent();

  const first = await Promise.all((["jump", "forward", "jump", "jump"] as const).map(logIn));
  context.diagnostic(`beside the silence: ${first.map(Math.round).join(", ")} ms`);
  assert.ok(Math.max(...first) < WITHIN_MS, first.join(", "));
  const askedByThen = asked();
  assert.ok(askedByThen > 0, "the silent agent was the first choice");

  const next = [await logIn("jump"), await logIn("forward")];
  context.diagnostic(`after it: ${next.map(Math.round).join(", ")} ms`);
  assert.equal(asked(), askedByThen, "nobody was sent there again");
  const missed = await world.audited({ event: "target.dial", reason: "agent-silent" });
  assert.equal(missed.detail?.["agent"], "silent-agent-0");

  for (const one of held) assert.equal(one.exitedAt(), undefined, "sessions of others go on");
});
