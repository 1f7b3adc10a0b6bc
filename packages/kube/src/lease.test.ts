import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, ManualClock } from "@teleport-access/daemon";
import { FakeApiServer } from "@teleport-access/testkit";
import { connect } from "./connect.ts";
import type { Lease } from "./core-objects.ts";
import { startLeaseElector, type LeaseElector } from "./lease.ts";

interface Candidate {
  readonly elector: LeaseElector;
  readonly clock: ManualClock;
  readonly news: string[];
}

const log = createLogger({ program: "test", level: "silent" });

async function candidate(server: FakeApiServer, identity: string): Promise<Candidate> {
  const client = await connect({ kind: "direct", connection: { server: server.url } });
  const clock = new ManualClock();
  const news: string[] = [];
  const elector = startLeaseElector({
    client,
    namespace: "acme",
    name: "operator",
    identity,
    log,
    clock,
    onElected: () => news.push("elected"),
    onLost: () => news.push("lost"),
  });
  return { elector, clock, news };
}

/** Lets the requests that are on their way come back: the candidate has planned its next try. */
async function rest({ clock }: Candidate, timers: number): Promise<void> {
  const end = performance.now() + 2_000;
  while (clock.timers !== timers) {
    assert.ok(performance.now() < end, `${clock.timers} timers instead of ${timers}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
/** A leader has a timer for its next try and one for its deadline, others only the first. */
const LEADING = 2;
const WAITING = 1;

async function tick(one: Candidate, ms: number, timers: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 2_000) {
    one.clock.advance(Math.min(2_000, ms - passed));
    await rest(one, timers);
  }
}

function lease(server: FakeApiServer): Lease["spec"] {
  return (server.get("Lease", "acme", "operator") as Lease | undefined)?.spec;
}

describe("startLeaseElector", { timeout: 10_000 }, () => {
  test("the first candidate makes the Lease, with times of six digits, and leads", async () => {
    await using server = await FakeApiServer.start();
    const a = await candidate(server, "a");
    await rest(a, LEADING);
    assert.deepEqual(a.news, ["elected"]);
    const spec = lease(server);
    assert.equal(spec?.holderIdentity, "a");
    assert.equal(spec.leaseDurationSeconds, 15);
    assert.match(spec.renewTime ?? "", /\.\d{6}Z$/);
    await a.elector.stop();
  });

  test("the leader renews; another waits and takes over when the renewals end", async () => {
    await using server = await FakeApiServer.start();
    const a = await candidate(server, "a");
    await rest(a, LEADING);
    const b = await candidate(server, "b");
    await rest(b, WAITING);
    for (let i = 0; i < 10; i++) {
      await tick(a, 2_000, LEADING);
      await tick(b, 2_000, WAITING);
    }
    assert.deepEqual([a.news, b.news], [["elected"], []]);
    // a stands still: from b's view, the Lease changed last at its next look.
    await tick(b, 14_000, WAITING);
    assert.deepEqual(b.news, []);
    b.clock.advance(2_000);
    await rest(b, LEADING);
    assert.deepEqual(b.news, ["elected"]);
    assert.equal(lease(server)?.leaseTransitions, 1);
    a.clock.advance(2_000);
    await rest(a, 0);
    assert.deepEqual(a.news, ["elected", "lost"]);
    assert.equal(a.elector.leading, false);
    await b.elector.stop();
  });

  test("the leader loses after 10 s without a renewal, while the Lease is still its own to others", async () => {
    await using server = await FakeApiServer.start();
    const a = await candidate(server, "a");
    await rest(a, LEADING);
    server.fail({ kind: "status", status: 500 }, {}, 100);
    await tick(a, 8_000, LEADING);
    assert.equal(a.elector.leading, true);
    a.clock.advance(2_000);
    assert.deepEqual(a.news, ["elected", "lost"]);
  });

  test("the leader loses in time even while a request hangs", async () => {
    await using server = await FakeApiServer.start();
    const a = await candidate(server, "a");
    await rest(a, LEADING);
    server.fail({ kind: "hang" });
    const hung = server.nextRequest();
    a.clock.advance(2_000);
    await hung;
    a.clock.advance(8_000);
    assert.deepEqual(a.news, ["elected", "lost"]);
    await server.close();
  });

  test("stop gives the Lease back, so that the next candidate leads at once", async () => {
    await using server = await FakeApiServer.start();
    const a = await candidate(server, "a");
    await rest(a, LEADING);
    await a.elector.stop();
    assert.equal(lease(server)?.holderIdentity, "");
    assert.deepEqual(a.news, ["elected"], "stopping is not losing");
    const b = await candidate(server, "b");
    await rest(b, LEADING);
    assert.deepEqual(b.news, ["elected"]);
    await b.elector.stop();
  });

  test("a leader that comes back under its own name goes on", async () => {
    await using server = await FakeApiServer.start();
    const before = await candidate(server, "a");
    await rest(before, LEADING);
    const again = await candidate(server, "a");
    await rest(again, LEADING);
    assert.deepEqual(again.news, ["elected"]);
    assert.equal(lease(server)?.leaseTransitions, 0);
    await again.elector.stop();
  });
});
