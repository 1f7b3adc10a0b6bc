import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { globMatches, isLiteralHost } from "./globs.ts";

const ROWS = [
  { pattern: "web-1", host: "web-1", want: true, why: "it spells it" },
  { pattern: "web-1", host: "web-10", want: false, why: "the whole host must match" },
  { pattern: "web-*", host: "web-1", want: true, why: "a run of characters" },
  { pattern: "web-*", host: "web-", want: true, why: "a run may be empty" },
  { pattern: "web-?", host: "web-", want: false, why: "? is exactly one" },
  { pattern: "*", host: "a.b.c", want: true, why: "dots are characters" },
  { pattern: "*.pods", host: "api.shop.pods", want: true, why: "dots are characters" },
  { pattern: "*-db", host: "x-db-y-db", want: true, why: "the first place that fits is not the last word" },
  { pattern: "a*b*c", host: "axbxbc", want: true, why: "back to the last star" },
  { pattern: "WEB-1", host: "web-1", want: true, why: "host names have no case" },
  { pattern: "we\u212a", host: "wek", want: false, why: "the Kelvin sign is no k" },
  { pattern: "", host: "", want: true, why: "nothing is nothing" },
  { pattern: "", host: "a", want: false, why: "nothing is not everything" },
  { pattern: "web.1", host: "web-1", want: false, why: "a dot is no wildcard" },
  { pattern: "[a-z]", host: "a", want: false, why: "there are no classes" },
];

for (const { pattern, host, want, why } of ROWS) {
  test(`globMatches() ${want ? "matches" : "does not match"} ${pattern} with ${host}: ${why}`, () => {
    assert.equal(globMatches(pattern, host), want);
  });
}

const text = fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "*", "?"), maxLength: 12 });
const plain = fc.string({ unit: fc.constantFrom("a", "b", "-", "."), maxLength: 12 });

test("globMatches() agrees with the regular expression of the same meaning", () => {
  fc.assert(
    fc.property(text, plain, (pattern, host) => {
      const source = pattern.replace(/[.\-]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
      assert.equal(globMatches(pattern, host), new RegExp(`^${source}$`).test(host));
    }),
    { numRuns: 2000 },
  );
});

test("globMatches() is quick on a pattern that makes regular expressions explode", () => {
  const started = performance.now();
  assert.equal(globMatches("*a".repeat(60) + "b", "a".repeat(250)), false);
  assert.ok(performance.now() - started < 200);
});

test("isLiteralHost() sees wildcards", () => {
  assert.ok(isLiteralHost("web-1"));
  assert.ok(!isLiteralHost("web-*") && !isLiteralHost("web-?"));
});
