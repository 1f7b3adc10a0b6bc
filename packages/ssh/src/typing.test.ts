import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  LEAST_WINDOW,
  TYPED_AFTER_MS,
  TYPED_WINDOW,
  TYPING_MS,
  WINDOW_LOOK_BYTES,
  WINDOW_LOOK_MS,
} from "./limits.ts";
import { arrived, channelPair } from "./testing/channel-pair.ts";
import { Typing, Typist } from "./typing.ts";

describe("Typist", () => {
  it("Typist sees somebody who types, until a second after the last key", () => {
    const typing = new Typing();
    const typist = new Typist(typing, 0);
    let now = TYPED_AFTER_MS;
    for (; now < 60_000; now += 80) {
      typist.received(84, now);
      typist.sent(84);
      assert.equal(typing.active(now), true);
    }
    assert.equal(typing.active(now + TYPING_MS), false);
  });

  it("Typist does not take what answers a copy for keys", () => {
    const typing = new Typing();
    const typist = new Typist(typing, 0);
    for (let now = 0; now < 10_000; now += 10) {
      typist.sent(3_000_000);
      typist.received(68, now);
      assert.equal(typing.active(now), false);
    }
  });

  it("Typist does not take a login for keys", () => {
    const typing = new Typing();
    const typist = new Typist(typing, 0);
    for (let now = 0; now < TYPED_AFTER_MS; now += 20) typist.received(1500, now);
    assert.equal(typing.active(TYPED_AFTER_MS), false);
  });

  it("Typist is a channel's: keys in one are seen by the connection, and a copy is not", async () => {
    let now = 0;
    const { near, far } = channelPair(undefined, undefined, () => now);
    now = TYPED_AFTER_MS;
    far.channel.send(Buffer.from("k"));
    await arrived();
    assert.equal(near.typing.active(now), true);
    now += TYPING_MS;
    far.channel.send(Buffer.alloc(1_000_000));
    await arrived();
    assert.equal(near.typing.active(now), false);
  });

  it("Typist counts what a channel sends, too: answers to a copy are no keys", async () => {
    let now = 0;
    const { near, far } = channelPair(undefined, undefined, () => now);
    now = TYPED_AFTER_MS;
    near.channel.send(Buffer.alloc(1_000_000));
    far.channel.send(Buffer.from("k"));
    await arrived();
    assert.equal(near.typing.active(now), false);
  });

  for (const typed of [true, false]) {
    it(`a copy has ${typed ? "at most" : "more than"} TYPED_WINDOW in flight while ${typed ? "somebody" : "nobody"} types`, async () => {
      let now = 0;
      let reading = true;
      const { near, far } = channelPair(undefined, undefined, () => now);
      far.channel.consume({
        ...{ eof: ignore, writable: ignore, closed: ignore, request: () => false },
        data: (chunk) => {
          if (reading) far.channel.consumed(chunk.length);
        },
      });
      far.roundTrip.sent();
      now += 0.2;
      far.roundTrip.answered();
      for (let look = 0; look < 40; look += 1) {
        now += WINDOW_LOOK_MS;
        if (typed) far.typing.seen(now);
        near.channel.send(Buffer.alloc(2 * WINDOW_LOOK_BYTES));
        await arrived();
      }
      reading = false;
      const inFlight = near.channel.send(Buffer.alloc(4 * LEAST_WINDOW));
      assert.equal(inFlight <= TYPED_WINDOW, typed, `${inFlight}`);
    });
  }
});

function ignore(): void {
  // Nobody asks.
}
