import assert from "node:assert/strict";
import { test } from "node:test";
import type { Condition } from "@teleport-access/crd";
import { transitions } from "./status.ts";

function condition(type: string, status: Condition["status"], reason: string): Condition {
  return { type, status, reason, message: `${reason}.`, lastTransitionTime: "2026-11-01T00:00:00Z" };
}

function reasons(before: readonly Condition[], after: readonly Condition[]): string[] {
  return transitions(before, after).map((event) => `${event.type} ${event.reason}`);
}

test("transitions tells a change once, though Ready repeats it", () => {
  const before = [condition("Ready", "True", "Reconciled"), condition("UserCAReady", "True", "Generated")];
  const after = [condition("Ready", "False", "KeyMissing"), condition("UserCAReady", "False", "KeyMissing")];
  assert.deepEqual(reasons(before, after), ["Warning KeyMissing"]);
  assert.deepEqual(reasons(after, after), []);
});

test("transitions is silent about what passes by itself, and about what was never there", () => {
  assert.deepEqual(reasons([], [condition("Ready", "Unknown", "InProgress")]), []);
  assert.deepEqual(reasons([], [condition("Available", "False", "MinimumReplicasUnavailable")]), []);
  const was = [condition("Available", "True", "MinimumReplicasAvailable")];
  assert.deepEqual(reasons(was, [condition("Available", "False", "MinimumReplicasUnavailable")]), [
    "Warning MinimumReplicasUnavailable",
  ]);
});

test("transitions does not warn of what was asked for", () => {
  assert.deepEqual(reasons([], [condition("Ready", "False", "Suspended")]), ["Normal Suspended"]);
});
