import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ACCESS_REFUSALS } from "@teleport-access/access";
import type { AccessRefusal } from "@teleport-access/access";
import { ChannelRefusedError, SshError } from "@teleport-access/ssh";
import { DIAL_ANSWERS } from "../dial-refusal.ts";
import type { DialRefusal } from "../dial-refusal.ts";
import { failureOf, ForwardFailure, lineOf, sentenceOf } from "./refusal.ts";

const WEB = { login: "deploy", host: "web-1", cluster: "prod", port: 22 };

describe("sentenceOf()", () => {
  test("sentenceOf() says nothing about grants, whatever the reason, but what was asked for", () => {
    const reasons = Object.keys(ACCESS_REFUSALS) as AccessRefusal[];
    const texts = new Set(
      reasons
        .filter(
          (reason) => !["jump-exceeds-grant", "access-list-stale", "second-factor-required"].includes(reason),
        )
        .map((reason) => sentenceOf(reason, WEB, "Exec")),
    );
    assert.deepEqual([...texts], ["access denied: a command on deploy@web-1.prod."]);
  });

  test("sentenceOf() names the target where the way to it is the trouble", () => {
    for (const reason of Object.keys(DIAL_ANSWERS) as DialRefusal[]) {
      assert.match(sentenceOf(reason, WEB), /^web-1\.prod: .+\.$/);
    }
    assert.match(sentenceOf("target-login-refused", WEB), /^web-1\.prod does not let deploy in\.$/);
    assert.match(sentenceOf("target-host-not-trusted", WEB), /cluster prod/);
  });

  test("sentenceOf() gives the command to type when no agent was forwarded, with the port", () => {
    assert.match(
      sentenceOf("agent-not-forwarded", { ...WEB, port: 2222 }),
      /ssh -A deploy@web-1\.prod:2222@proxy/,
    );
  });
});

describe("lineOf()", () => {
  test("lineOf() ends a line as the person's terminal needs it", () => {
    assert.equal(lineOf("No.", false), "teleport-access: No.\n");
    assert.equal(lineOf("No.", true), "teleport-access: No.\r\n");
  });
});

describe("failureOf()", () => {
  for (const [error, want] of [
    [new ForwardFailure("agent-failed"), "agent-failed"],
    [new ChannelRefusedError("session", 1, "no more sessions"), "target-refused"],
    [new SshError("SSH_TOO_MANY_CHANNELS", "256 channels are open"), "too-many-sessions"],
    [new SshError("SSH_CONNECTION_CLOSED", "gone"), "target-lost"],
    [new Error("anything"), "target-lost"],
  ] as const) {
    test(`failureOf() reads ${error.message} as ${want}`, () => {
      assert.equal(failureOf(error).reason, want);
    });
  }
});
