import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Condition } from "@teleport-access/crd";
import { findCondition, setCondition, type Finding } from "./conditions.ts";
import { kubeTime, microTime } from "./time.ts";

const AT = new Date("2026-01-01T00:00:00.123Z");
const LATER = new Date("2026-01-01T01:00:00Z");
const READY: Finding = { type: "Ready", status: "True", reason: "Reconciled", message: "all is well" };

describe("setCondition", () => {
  test("setCondition adds a condition with its time and generation", () => {
    assert.deepEqual(setCondition([], READY, AT, 3), [
      { ...READY, lastTransitionTime: "2026-01-01T00:00:00Z", observedGeneration: 3 },
    ]);
  });

  test("setCondition gives the same list back when nothing differs", () => {
    const list = setCondition([], READY, AT, 3);
    assert.equal(setCondition(list, READY, LATER, 3), list);
  });

  test("setCondition keeps the transition time while the status stays", () => {
    const list = setCondition([], READY, AT, 3);
    const next = setCondition(list, { ...READY, message: "still" }, LATER, 4);
    assert.equal(next[0]?.lastTransitionTime, "2026-01-01T00:00:00Z");
    assert.equal(next[0].observedGeneration, 4);
  });

  test("setCondition moves the transition time with the status, and keeps the place", () => {
    const other: Condition = { ...READY, type: "Available", lastTransitionTime: kubeTime(AT) };
    const list = [...setCondition([], READY, AT), other];
    const next = setCondition(list, { ...READY, status: "False", reason: "KeyMissing" }, LATER);
    assert.deepEqual(
      next.map((condition) => condition.type),
      ["Ready", "Available"],
    );
    assert.equal(findCondition(next, "Ready")?.lastTransitionTime, "2026-01-01T01:00:00Z");
    assert.equal(findCondition(next, "TLSReady"), undefined);
  });

  test("setCondition cuts a message that the schema would refuse", () => {
    const [condition] = setCondition([], { ...READY, message: "a".repeat(40_000) }, AT);
    assert.equal(condition?.message.length, 32_768);
  });
});

describe("time", () => {
  test("kubeTime has seconds, microTime exactly six digits more", () => {
    assert.equal(kubeTime(AT), "2026-01-01T00:00:00Z");
    assert.equal(microTime(AT), "2026-01-01T00:00:00.123000Z");
    assert.equal(microTime(LATER), "2026-01-01T01:00:00.000000Z");
  });
});
