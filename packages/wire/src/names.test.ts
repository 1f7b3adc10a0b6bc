import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { isClusterName, isHostName, isLoginName, isUserName, parseTarget } from "./names.ts";

const ROWS: readonly { check: (text: string) => boolean; good: readonly string[]; bad: readonly string[] }[] =
  [
    {
      check: isUserName,
      good: ["alice", "a", "a.b-c", "0"],
      bad: ["", "-a", "a-", ".a", "Alice", "a b", "a@b", "a\n", "a".repeat(254)],
    },
    { check: isClusterName, good: ["prod", "eu-1"], bad: ["", "a.b", "-a", "a_b", "PROD", "a".repeat(64)] },
    {
      check: isHostName,
      good: ["web-1", "a.b.c", "10.0.0.5", "my_host"],
      bad: ["", ".", "a.", "a..b", "-a", "a-", "a/b", "a:b", "*", "a\0", "a".repeat(254)],
    },
    {
      check: isLoginName,
      good: ["root", "_apt", "deploy-1", "host$"],
      bad: ["", "1a", "Root", "a b", "a$b", "-root", "a;b", "a".repeat(33)],
    },
  ];

for (const { check, good, bad } of ROWS) {
  test(`${check.name} takes names that every part of the system can carry`, () => {
    for (const text of good) assert.equal(check(text), true, text);
    for (const text of bad) assert.equal(check(text), false, JSON.stringify(text));
  });
}

test("parseTarget splits at the last dot and ignores case", () => {
  assert.deepEqual(parseTarget("web-1.prod"), { host: "web-1", cluster: "prod" });
  assert.deepEqual(parseTarget("Web.Pods.PROD"), { host: "web.pods", cluster: "prod" });
});

for (const text of [
  "",
  ".",
  "prod",
  ".prod",
  "web.",
  "web..prod",
  "we b.prod",
  "web.prod.",
  "web.pr_od",
  "*.prod",
]) {
  test(`parseTarget refuses ${JSON.stringify(text)}`, () => {
    assert.equal(parseTarget(text), undefined);
  });
}

test("parseTarget gives only names that it would read back the same", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const target = parseTarget(text);
      if (target !== undefined) assert.deepEqual(parseTarget(`${target.host}.${target.cluster}`), target);
    }),
  );
});
