import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, createMetrics, ManualClock } from "@teleport-access/daemon";
import type { AuditEvent } from "@teleport-access/wire";
import { createAudit } from "./audit.ts";
import { createConnectionBudget, REFUSALS_PER_CONNECTION } from "./connection-budget.ts";
import { createProxyMetrics } from "./metrics.ts";

const { burst, perSecond } = REFUSALS_PER_CONNECTION;

describe("createConnectionBudget()", () => {
  test("createConnectionBudget() gives each connection a burst, and then so many a second", () => {
    const clock = new ManualClock();
    const budget = createConnectionBudget(clock);
    function written(connection: string): number {
      return Array.from({ length: 1000 }, () => budget.take(connection)).filter(Boolean).length;
    }
    assert.deepEqual([written("one"), written("two"), written("one")], [burst, burst, 0]);
    clock.advance(3000);
    assert.equal(written("one"), 3 * perSecond);
  });
  test("createConnectionBudget() says what it left out once in a while, and all of it at the end", () => {
    const clock = new ManualClock();
    const budget = createConnectionBudget(clock);
    for (let n = 0; n < burst + 7; n += 1) budget.take("one");
    assert.deepEqual([budget.takeWithheld("two"), budget.takeWithheld("one")], [0, 7]);
    budget.take("one");
    assert.equal(budget.takeWithheld("one"), 0, "too early");
    assert.equal(budget.forget("one"), 1);
    assert.equal(budget.take("one"), true, "and is forgotten");
  });
});

describe("createAudit() and a person's refusals", () => {
  function createBench(): { record: (event: AuditEvent) => void; clock: ManualClock; lines: AuditEvent[] } {
    const clock = new ManualClock();
    const lines: AuditEvent[] = [];
    const log = createLogger({
      program: "proxy",
      destination: { write: (line: string) => lines.push(JSON.parse(line) as AuditEvent) },
    });
    const audit = createAudit({ log, clock, metrics: createProxyMetrics(createMetrics("proxy")) });
    return {
      record: (event) => {
        audit.record(event);
      },
      clock,
      lines,
    };
  }
  const ALICE = { user: "alice", client: "192.0.2.1", connection: "c1" } as const;
  const REFUSAL = { event: "channel.open", outcome: "denied", reason: "no-grant", ...ALICE } as const;

  test("createAudit() bounds the refusals of one connection, and says in its name how many it left out", () => {
    const { record, clock, lines } = createBench();
    for (let second = 0; second < 60; second += 1) {
      for (let n = 0; n < 1000; n += 1) record(REFUSAL);
      clock.advance(1000);
    }
    record({ event: "connection.end", outcome: "info", ...ALICE });
    const said = lines.filter(({ event }) => event === "audit.withheld");
    const refused = lines.filter(({ event }) => event === "channel.open");
    assert.equal(refused.length, burst + 59 * perSecond);
    assert.ok(said.length <= 7, `${said.length} lines`);
    for (const line of said) {
      const { user, client, connection } = line;
      assert.deepEqual({ user, client, connection }, ALICE);
    }
    const total = said.reduce((sum, { detail }) => sum + Number(detail?.lines), 0);
    assert.equal(total + refused.length, 60_000);
    assert.equal(lines.at(-1)?.event, "connection.end");
  });
  test("createAudit() leaves out nothing else of that connection, and nothing of another", () => {
    const { record, lines } = createBench();
    for (let n = 0; n < 1000; n += 1) record(REFUSAL);
    lines.length = 0;
    const others: AuditEvent[] = [
      { ...REFUSAL, connection: "c2" },
      { event: "channel.open", outcome: "allowed", ...ALICE },
      { event: "session.end", outcome: "denied", reason: "no-grant", ...ALICE },
      { event: "ssh.auth", outcome: "allowed", ...ALICE },
    ];
    for (const event of others) record(event);
    const written = lines.filter(({ event }) => event !== "audit.withheld");
    assert.deepEqual(
      written.map(({ event, outcome }) => [event, outcome]),
      others.map(({ event, outcome }) => [event, outcome]),
    );
  });
});
