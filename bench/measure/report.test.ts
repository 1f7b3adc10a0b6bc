import assert from "node:assert/strict";
import { test } from "node:test";
import { digits, formatTable, verdictOf } from "./report.ts";
import { exactly } from "./statistics.ts";

const ROW = { what: "down", unit: "MiB/s", ours: 300, peer: { name: "OpenSSH", value: 240 } };

test("formatTable lines up what it says in columns", () => {
  const table = formatTable([
    { ...ROW, ratio: { value: 1.25, low: 1.2, high: 1.31 }, goal: { atLeast: 1.25 } },
    { what: "memory", unit: "KiB", ours: 36.42, goal: { atMost: 72 }, judged: exactly(36.42) },
  ]);
  assert.deepEqual(table.split("\n"), [
    "        unit   ours  peer           ratio [95 %]       goal",
    "down    MiB/s  300   240   OpenSSH  1.25 [1.20, 1.31]  ≥ 1.25  NOT MET",
    "memory  KiB    36.4                                    ≤ 72    met",
  ]);
});

test("verdictOf: a goal without a figure is not met, and no goal has no verdict", () => {
  assert.equal(verdictOf({ ...ROW, goal: { atLeast: 1 } }), "NOT MET");
  assert.equal(verdictOf({ ...ROW, ratio: exactly(1) }), "");
});

test("digits keeps three of them", () => {
  assert.deepEqual([1234.5, 99.96, 0.5, 0.00123, Number.NaN].map(digits), [
    "1235",
    "100",
    "0.500",
    "0.00123",
    "–",
  ]);
});
