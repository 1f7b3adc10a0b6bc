import assert from "node:assert/strict";
import { test } from "node:test";
import { durationSeconds } from "./durations.ts";

test("durationSeconds() reads what the CRDs accept", () => {
  assert.equal(durationSeconds("8h"), 28_800);
  assert.equal(durationSeconds("1h30m"), 5400);
  assert.equal(durationSeconds("45s"), 45);
});

test("durationSeconds() refuses nothing, zero, other units and signs", () => {
  for (const text of ["", "0s", "0h0m0s", "1d", "-1h", "1.5h", "1m1h", " 1h", "1h "]) {
    assert.equal(durationSeconds(text), undefined, text);
  }
});
