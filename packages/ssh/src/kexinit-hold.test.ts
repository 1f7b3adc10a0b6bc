import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";

import { KexinitHold } from "./kexinit-hold.ts";

describe("KexinitHold", () => {
  it("KexinitHold lets nothing leave until it is released", async () => {
    const [near, far] = duplexPair();
    const hold = new KexinitHold(near, 60_000);
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
    new KexinitHold(near).start();
    near.write("held");
    const [data] = await new Promise<Buffer[]>((resolve) =>
      far.once("data", (chunk: Buffer) => {
        resolve([chunk]);
      }),
    );
    assert.equal(String(data), "held");
  });
});
