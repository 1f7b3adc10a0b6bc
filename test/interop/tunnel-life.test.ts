/**
 * Tunnels as a whole, between our proxy and our agent over a network that fails on command: a peer that is gone
 * without a word is noticed by both sides, people are told, and the tunnels come back by themselves.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { startRelay, until } from "@teleport-access/testkit";
import type { Relay } from "@teleport-access/testkit";

import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

/** The bar for a peer that is gone without a word. */
const NOTICE_MS = 15_000;
const SOON = { deadlineMs: 10_000, everyMs: 10 };

let world: ProxyWorld;
let relay: Relay;

before(async () => {
  relay = await startRelay([]);
  world = await startProxyWorld({
    agentAddress: ({ tunnel }) => {
      relay.setBackends([tunnel]);
      return `127.0.0.1:${relay.port}`;
    },
  });
  await until("both tunnels", () => ups() === 2, SOON);
});
after(async () => {
  await world.close();
  await relay.close();
});

function ups(): number {
  return world.audit.filter(({ event }) => event === "tunnel.up").length;
}

function downs(): number {
  return world.audit.filter(({ event }) => event === "tunnel.down").length;
}

describe("tunnels over a network that fails", () => {
  test("a network that drops everything is noticed by both sides within 15 s, idle or not", async (context) => {
    const session = await world.client().holdStream(`${world.login}@web-1.prod`);
    const from = performance.now();
    relay.stall();
    const proxy = until("the proxy to notice", () => downs() === 2, { deadlineMs: NOTICE_MS, everyMs: 10 });
    const agent = until("the agent to notice", () => world.agent.notReady().length > 0, {
      deadlineMs: NOTICE_MS,
      everyMs: 10,
    });
    const times = await Promise.all([proxy, agent].map((side) => side.then(() => performance.now() - from)));
    context.diagnostic(`proxy ${Math.round(times[0] ?? 0)} ms, agent ${Math.round(times[1] ?? 0)} ms`);
    await session.exited;
    const end = await world.audited({ event: "session.end", target: "web-1.prod" });
    assert.equal(end.reason, "tunnel-lost");
    relay.resume();
    await until("tunnels again", () => world.agent.notReady().length === 0, {
      deadlineMs: 15_000,
      everyMs: 10,
    });
    const result = await world.client().run(`${world.login}@web-1.prod`, "echo back");
    assert.equal(result.stdout, "back\n", result.stderr);
  });

  test("a reset ends what was inside at once, and the tunnels come back", async () => {
    await until("both tunnels", () => ups() - downs() === 2, SOON);
    const session = await world.client().holdStream(`${world.login}@web-1.prod`);
    relay.reset();
    await session.exited;
    assert.notEqual(session.stderr(), "", "ssh says why");
    await until("both tunnels", () => ups() - downs() === 2, SOON);
    const result = await world.client().run(`${world.login}@web-1.prod`, "echo back");
    assert.equal(result.stdout, "back\n", result.stderr);
  });
});
