import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { globMatches, isLiteralHost } from "./glob.ts";

const ROWS: readonly [string, string, boolean][] = [
  ["web-*", "web-1", true],
  ["web-*", "web-", true],
  ["web-*", "web", false],
  ["*", "a.b.c", true],
  ["*", "", true],
  ["?", "", false],
  ["web-?", "web-12", false],
  ["*-db-*", "eu-db-1", true],
  ["*a*b", "xaxbxb", true],
  ["*a*b", "xaxbx", false],
  ["WEB", "web", true],
  ["a.b", "axb", false],
  ["", "", true],
  ["k", "\u212a", false],
];
for (const [pattern, host, want] of ROWS) {
  test(`globMatches ${JSON.stringify(pattern)} ${want ? "matches" : "does not match"} ${JSON.stringify(host)}`, () => {
    assert.equal(globMatches(pattern, host), want);
  });
}

test("globMatches agrees with a regular expression", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", ".", "-"), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (p, t) => {
      const expression = p.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".");
      assert.equal(globMatches(p, t), new RegExp(`^${expression}$`, "s").test(t));
    }),
    { numRuns: 1000 },
  );
});

test("globMatches stays quick on patterns made to be slow", () => {
  const start = performance.now();
  assert.equal(globMatches("*a".repeat(100), "a".repeat(99) + "b".repeat(150)), false);
  assert.ok(performance.now() - start < 100);
});

test("isLiteralHost knows wildcards", () => {
  assert.deepEqual(["web", "w*", "w?"].map(isLiteralHost), [true, false, false]);
});
