import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ConfigError } from "./config.ts";
import { formatDuration, parseDuration } from "./duration.ts";

const GOOD: readonly [string, number][] = [
  ["8h", 28_800],
  ["1h30m", 5400],
  ["90s", 90],
  ["1h1s", 3601],
  ["0s", 0],
];
for (const [text, want] of GOOD) {
  test(`parseDuration reads ${text}`, () => {
    assert.equal(parseDuration(text), want);
  });
}

for (const text of ["", "8", "h", "1d", "1m1h", "-1h", "1.5h", " 1h", "1H", "9999999999h"]) {
  test(`parseDuration refuses ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseDuration(text, "spec.ttl"),
      (e) => e instanceof ConfigError && e.message.startsWith("spec.ttl: "),
    );
  });
}

test("formatDuration writes what parseDuration reads", () => {
  fc.assert(
    fc.property(fc.nat(10_000_000), (seconds) => {
      assert.equal(parseDuration(formatDuration(seconds)), seconds);
    }),
  );
  assert.equal(formatDuration(5400), "1h30m");
  assert.equal(formatDuration(0), "0s");
});
