/** What a login at a target waits for, and how it ends; logins that succeed are tested in test/interop. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { ChannelRefusedError, startSsh2 } from "@teleport-access/ssh";
import { grantObject } from "../../world-fixture.test.ts";
import { createForwardFixture, turn } from "./context-fixture.test.ts";
import type { ForwardFixture } from "./context-fixture.test.ts";
import { LoginAttempt } from "./login-attempt.ts";

/** What a target may take for its part. */
const TARGET_MS = 20_000;

function start(): ForwardFixture & { readonly attempt: LoginAttempt } {
  const fixture = createForwardFixture();
  const decision = fixture.context.decide({});
  assert.ok(decision.allowed);
  return { ...fixture, attempt: new LoginAttempt(fixture.context, decision) };
}

describe("LoginAttempt", () => {
  before(async () => {
    await startSsh2();
  });

  test("LoginAttempt is in the session registry before the agent has answered", () => {
    const { attempt, sessions, dials } = start();
    assert.deepEqual([sessions.size, dials.length, attempt.over, attempt.up], [1, 1, false, false]);
    attempt.end("client-closed");
  });

  test("LoginAttempt waits twenty seconds for a target that says nothing", async () => {
    const { attempt, dials, clock, sessions, story } = start();
    dials[0]?.answer();
    await turn();
    clock.advance(TARGET_MS - 1);
    await turn();
    assert.equal(attempt.over, false);
    clock.advance(1);
    await assert.rejects(attempt.connection, { reason: "target-unreachable" });
    assert.deepEqual([attempt.over, dials[0]?.near.destroyed, sessions.size], [true, true, 0]);
    assert.deepEqual(story(), [
      "target.dial allowed",
      "target.login denied target-unreachable",
      "session.end info failed",
    ]);
  });

  test("LoginAttempt asks the person's agent once, and not after it is over", () => {
    const fixture = createForwardFixture();
    const decision = fixture.context.decide({});
    assert.ok(decision.allowed);
    const attempt = new LoginAttempt(fixture.context, decision);
    assert.equal(attempt.wanted, false);
    attempt.askAgent();
    attempt.askAgent();
    assert.deepEqual([attempt.wanted, fixture.agentsOpened], [true, 1]);
    attempt.end("client-closed");
    const over = new LoginAttempt(fixture.context, decision);
    over.end("client-closed");
    over.askAgent();
    assert.deepEqual([over.wanted, fixture.agentsOpened], [false, 1]);
  });

  test("LoginAttempt ends with the reason for which access ended while the agent dialled", async () => {
    const { attempt, dials, remove, story } = start();
    remove("useraccesses", grantObject());
    assert.deepEqual([attempt.over, attempt.endReason], [true, "no-grant"]);
    dials[0]?.answer();
    await assert.rejects(attempt.connection, { reason: "target-lost" });
    assert.equal(dials[0]?.near.destroyed, true);
    assert.deepEqual(story(), ["session.end info no-grant", "target.dial allowed"]);
  });

  test("LoginAttempt passes on why the agent did not dial", async () => {
    const { attempt, dials } = start();
    dials[0]?.refuse(new ChannelRefusedError("teleport-transport", 1, "target-not-listed"));
    await assert.rejects(attempt.connection, { reason: "target-not-listed" });
  });
});
