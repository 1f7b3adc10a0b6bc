import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, createMetrics, ManualClock } from "@teleport-access/daemon";
import { createAudit } from "./audit.ts";
import { createLineBudget, LINES_IN_ALL, LINES_PER_ADDRESS } from "./line-budget.ts";
import type { LineBudget } from "./line-budget.ts";
import { createProxyMetrics } from "./metrics.ts";

/** How many of `count` lines about an address are written. */
function written(budget: LineBudget, address: string, count: number): number {
  return Array.from({ length: count }, () => budget.take(address)).filter(Boolean).length;
}

describe("createLineBudget()", () => {
  test("createLineBudget() gives each address a burst, and then so many a second", () => {
    const clock = new ManualClock();
    const budget = createLineBudget(clock);
    assert.equal(written(budget, "192.0.2.1", 1000), LINES_PER_ADDRESS.burst);
    assert.equal(written(budget, "192.0.2.2", 10), 10, "somebody else has a budget of their own");
    clock.advance(2000);
    assert.equal(written(budget, "192.0.2.1", 1000), 2 * LINES_PER_ADDRESS.perSecond);
  });

  test("createLineBudget() counts an IPv6 /64 as one address", () => {
    const budget = createLineBudget(new ManualClock());
    let count = 0;
    for (let n = 0; n < 1000; n += 1) if (budget.take(`2001:db8::${n.toString(16)}`)) count += 1;
    assert.equal(count, LINES_PER_ADDRESS.burst);
  });

  test("createLineBudget() has a budget for all addresses together", () => {
    const budget = createLineBudget(new ManualClock());
    let count = 0;
    for (let n = 0; n < 20_000; n += 1) if (budget.take(`10.0.${n >> 8}.${n & 255}`)) count += 1;
    assert.equal(count, LINES_IN_ALL.burst);
  });
});

describe("createAudit()", () => {
  function createBench(): { audit: ReturnType<typeof createAudit>; clock: ManualClock; lines: string[] } {
    const clock = new ManualClock();
    const lines: string[] = [];
    const log = createLogger({
      program: "proxy",
      destination: { write: (line: string) => lines.push(line) },
    });
    return {
      audit: createAudit({ log, clock, metrics: createProxyMetrics(createMetrics("proxy")) }),
      clock,
      lines,
    };
  }

  test("createAudit() counts a stranger's flood, says how much it left out, and writes about everybody else", () => {
    const { audit, clock, lines } = createBench();
    const flood = { event: "ssh.auth", outcome: "denied", reason: "plain-key", client: "192.0.2.1" } as const;
    for (let n = 0; n < 5000; n += 1) audit.record(flood);
    audit.record({ event: "ssh.auth", outcome: "allowed", user: "alice", client: "192.0.2.1" });
    audit.record({ event: "session.end", outcome: "denied", reason: "no-grant", client: "192.0.2.1" });
    clock.advance(60_000);
    audit.record({ event: "sign-out", outcome: "info", user: "alice" });
    assert.ok(lines.length <= LINES_PER_ADDRESS.burst + 6, `${lines.length} lines`);
    for (const want of [/"event":"ssh.auth","outcome":"allowed"/, /"session.end"/, /"sign-out"/]) {
      assert.ok(
        lines.some((line) => want.test(line)),
        String(want),
      );
    }
    const withheld = lines
      .map((line) => JSON.parse(line) as { event?: string; detail?: { lines: number } })
      .filter(({ event }) => event === "audit.withheld");
    const total = withheld.reduce((sum, { detail }) => sum + (detail?.lines ?? 0), 0);
    assert.equal(total, 5000 - LINES_PER_ADDRESS.burst);
  });
});
