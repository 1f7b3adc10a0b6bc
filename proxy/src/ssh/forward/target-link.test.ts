/** When the way to a target is dialled, kept and given up; bytes through it are tested in test/interop. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { startSsh2 } from "@teleport-access/ssh";
import { grantObject } from "../../world-fixture.test.ts";
import { createForwardFixture, turn } from "./context-fixture.test.ts";
import type { ForwardFixture } from "./context-fixture.test.ts";
import { TargetLink } from "./target-link.ts";

/** What an unused way may last. */
const PREPARED_MS = 10_000;

/** A link whose dial has been answered: the target has a connection, and says nothing. */
async function prepared(): Promise<ForwardFixture & { readonly link: TargetLink }> {
  const fixture = createForwardFixture();
  const link = new TargetLink(fixture.context);
  link.prepare();
  fixture.dials[0]?.answer();
  await turn();
  return { ...fixture, link };
}

describe("TargetLink", () => {
  before(async () => {
    await startSsh2();
  });

  test("TargetLink gives a prepared way up after ten seconds in which nobody used it, and no sooner", async () => {
    const { dials, clock, sessions, story } = await prepared();
    clock.advance(PREPARED_MS - 1);
    assert.deepEqual([dials[0]?.near.destroyed, sessions.size], [false, 1]);
    clock.advance(1);
    assert.deepEqual([dials[0]?.near.destroyed, sessions.size], [true, 0]);
    await turn();
    assert.deepEqual(story(), ["target.dial allowed", "session.end info client-closed"]);
  });

  test("TargetLink gives up a way whose dial is still under way, and closes it when it comes", async () => {
    const fixture = createForwardFixture();
    new TargetLink(fixture.context).prepare();
    fixture.clock.advance(PREPARED_MS);
    assert.equal(fixture.sessions.size, 0);
    fixture.dials[0]?.answer();
    await turn();
    assert.equal(fixture.dials[0]?.near.destroyed, true);
  });

  test("TargetLink keeps a way that something waits for", async () => {
    for (const want of [
      (link: TargetLink): void => {
        link.offerAgent();
      },
      (link: TargetLink): void => {
        link.connect().catch(() => undefined);
      },
    ]) {
      const { link, dials, clock, sessions } = await prepared();
      want(link);
      clock.advance(PREPARED_MS);
      assert.deepEqual([dials[0]?.near.destroyed, sessions.size], [false, 1]);
      link.end();
    }
  });

  test("TargetLink dials anew for somebody who comes after it gave up", async () => {
    const { link, dials, clock, sessions } = await prepared();
    clock.advance(PREPARED_MS);
    link.connect().catch(() => undefined);
    await turn();
    assert.deepEqual([dials.length, sessions.size], [2, 1]);
    link.end();
  });

  test("TargetLink dials nothing where nothing is granted", () => {
    const { context, remove, dials, clock } = createForwardFixture();
    remove("useraccesses", grantObject());
    const timers = clock.timers;
    new TargetLink(context).prepare();
    assert.deepEqual([dials.length, clock.timers], [0, timers]);
  });

  test("TargetLink leaves nothing behind when the person leaves, and dials no more", async () => {
    const { link, dials, clock, sessions } = await prepared();
    link.end();
    await turn();
    // Its timer is for the end of certificates and grants.
    sessions.close();
    assert.deepEqual([dials[0]?.near.destroyed, sessions.size, clock.timers], [true, 0, 0]);
    await assert.rejects(link.connect(), { reason: "target-lost" });
    assert.equal(dials.length, 1);
  });
});
