import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addressOf, asksForCode, readTargetWish } from "./target-name.ts";

const WEB = { login: "deploy", host: "web-1", cluster: "prod", port: 22 };

test("asksForCode() reads +code at the end of any user name, which is no part of a target", () => {
  for (const [name, want] of [
    ["alice+code", true],
    ["+code", true],
    ["deploy@web-1.prod+code", true],
    ["alice", false],
    ["alice+code2", false],
    ["+codealice", false],
  ] as const) {
    assert.equal(asksForCode(name), want, name);
  }
  assert.deepEqual(readTargetWish("deploy@web-1.prod:22+code"), { kind: "target", target: WEB });
  assert.deepEqual(readTargetWish("alice+code"), { kind: "none" });
});

describe("readTargetWish()", () => {
  for (const [name, want] of [
    ["deploy@web-1.prod", WEB],
    ["deploy%web-1.prod", WEB],
    ["deploy@web-1.prod:22", WEB],
    ["deploy@web-1.prod:2222", { ...WEB, port: 2222 }],
    ["deploy%web-1.prod:65535", { ...WEB, port: 65_535 }],
    ["deploy@WEB-1.Prod", WEB],
    ["svc_x$@a.b.pods.prod", { login: "svc_x$", host: "a.b.pods", cluster: "prod", port: 22 }],
  ] as const) {
    test(`readTargetWish() reads ${name}`, () => {
      assert.deepEqual(readTargetWish(name), { kind: "target", target: want });
    });
  }

  for (const name of ["alice", "", "root", "web-1.prod", "cluster:prod", "a b\n\0"]) {
    test(`readTargetWish() finds no target in ${JSON.stringify(name)}`, () => {
      assert.deepEqual(readTargetWish(name), { kind: "none" });
    });
  }

  for (const name of [
    "@",
    "%",
    "@web-1.prod",
    "deploy@",
    "deploy@web-1",
    "deploy@web-1.prod:",
    "deploy@web-1.prod:0",
    "deploy@web-1.prod:022",
    "deploy@web-1.prod:65536",
    "deploy@web-1.prod:22:22",
    "deploy@web-1.prod@proxy",
    "deploy%web-1.prod@x",
    "-oProxyCommand=x@web-1.prod",
    "De ploy@web-1.prod",
    "deploy\n@web-1.prod",
    "deploy@web 1.prod",
    "deploy@web-1.prod\n",
    "deploy@../etc.prod",
    "deploy@[::1].prod",
    `${"a".repeat(33)}@web-1.prod`,
    `deploy@${"a.".repeat(200)}prod`,
  ]) {
    test(`readTargetWish() refuses ${JSON.stringify(name.slice(0, 40))}`, () => {
      assert.deepEqual(readTargetWish(name), { kind: "unreadable" });
    });
  }

  test("readTargetWish() reads back what it read, whatever a stranger sends", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[a-z$._-]{1,9}[@%][a-z.:0-9-]{1,20}$/)),
        (name) => {
          const wish = readTargetWish(name);
          if (wish.kind !== "target") return;
          const { login } = wish.target;
          assert.deepEqual(readTargetWish(`${login}@${addressOf(wish.target)}`), wish);
        },
      ),
    );
  });
});
