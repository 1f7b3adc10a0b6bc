/** How an agent comes back: where its proxy's name leads now, and not with everybody else at once. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { TestContext } from "node:test";

import { createLogger, ManualClock } from "@teleport-access/daemon";
import { startSsh2 } from "@teleport-access/ssh";
import { until } from "@teleport-access/testkit";

import { startAgent } from "./agent.ts";
import type { Agent, AgentOptions } from "./agent.ts";
import { newIdentity, proxyEntry, Replica, SOON } from "./replica-fixture.test.ts";

before(async () => {
  await startSsh2();
});

async function startReplica(
  context: TestContext,
  name: string,
  port: number,
  host: string,
): Promise<Replica> {
  const replica = new Replica(name);
  replica.announced = [name];
  await replica.listen(port, host);
  context.after(() => replica.close());
  return replica;
}

function start(context: TestContext, port: number, options: Partial<AgentOptions>): Agent {
  const agent = startAgent({
    config: { cluster: "prod", proxies: [proxyEntry({ address: `proxy.example:${port}` })], targets: [] },
    identity: newIdentity(1n),
    podName: "prod-agent-1",
    apiServer: [],
    log: createLogger({ program: "agent", level: "silent" }),
    ...options,
  });
  context.after(() => {
    agent.close();
  });
  return agent;
}

test("an agent follows its proxy's name to another address", async (context) => {
  const first = await startReplica(context, "main-a", 0, "127.0.0.1");
  const second = await startReplica(context, "main-b", first.port, "127.0.0.2");
  let answer = "127.0.0.1";
  start(context, first.port, {
    random: () => 0,
    resolveProxy: (host) => {
      assert.equal(host, "proxy.example");
      return Promise.resolve([{ address: answer, family: 4 }]);
    },
  });
  await until("the first place", () => first.tunnels.size === 2, SOON);
  answer = "127.0.0.2";
  await first.close();
  await until("the second place", () => second.tunnels.size === 2, SOON);
});

test("an agent whose proxy is away asks for its address each time, after longer and longer waits of chance", async (context) => {
  const clock = new ManualClock();
  let asked = 0;
  const agent = start(context, 1, {
    clock,
    random: () => 0.5,
    resolveProxy: () => {
      asked += 1;
      return Promise.reject(new Error("ENOTFOUND"));
    },
  });
  const waits: number[] = [];
  for (let count = 1; count <= 9; count += 1) {
    const due = await until(`attempt ${count}`, () => asked === count && clock.nextTimerAt, SOON);
    waits.push(due - clock.now());
    clock.advance(due - clock.now());
  }
  assert.deepEqual(waits, [125, 250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  assert.match(agent.report().proxies[0]?.lastError ?? "", /proxy\.example:1: ENOTFOUND/);
});

test("an agent dials its second tunnel later, and is not held up by that when it loses the first", async (context) => {
  const replica = await startReplica(context, "main-a", 0, "127.0.0.1");
  const clock = new ManualClock();
  start(context, replica.port, {
    clock,
    random: () => 0.5,
    resolveProxy: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]),
  });
  function nextDial(): number {
    return (clock.nextTimerAt ?? 0) - clock.now();
  }
  await until("the first, and a wait", () => replica.tunnels.size === 1 && nextDial() === 1500, SOON);
  for (const { connection } of replica.tunnels) connection.destroy();
  await until("a shorter wait", () => nextDial() === 125, SOON);
  clock.advance(125);
  await until("the first again", () => replica.tunnels.size === 1 && nextDial() === 1500, SOON);
  clock.advance(1500);
  await until("the second", () => replica.tunnels.size === 2, SOON);
});
