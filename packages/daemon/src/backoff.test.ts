import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createBackoff } from "./backoff.ts";

test("createBackoff doubles its ceiling up to the maximum and starts again after reset", () => {
  const backoff = createBackoff({ initialMs: 250, maxMs: 1500, random: () => 1 });
  assert.deepEqual(
    [backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()],
    [250, 500, 1000, 1500, 1500],
  );
  backoff.reset();
  assert.equal(backoff.next(), 250);
});

test("createBackoff spreads the waits over the whole range (full jitter)", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (r) => {
      assert.equal(createBackoff({ initialMs: 250, maxMs: 10_000, random: () => r }).next(), r * 250);
    }),
  );
});
