import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";

import { KexinitHold } from "./kexinit-hold.ts";

describe("KexinitHold", () => {
  it("KexinitHold lets nothing leave until it is released", async () => {
    const [near, far] = duplexPair();
    const hold = new KexinitHold(near, new ManualClock());
    hold.start();
    near.write("held");
    await new Promise(setImmediate);
    assert.equal(far.read(), null);
    hold.release();
    hold.release();
    await new Promise(setImmediate);
    assert.equal(String(far.read()), "held");
  });
  it("KexinitHold gives in to a client that waits", async () => {
    const [near, far] = duplexPair();
    const clock = new ManualClock();
    new KexinitHold(near, clock).start();
    near.write("held");
    clock.advance(19);
    await new Promise(setImmediate);
    assert.equal(far.read(), null);
    clock.advance(1);
    await new Promise(setImmediate);
    assert.equal(String(far.read()), "held");
  });
});
