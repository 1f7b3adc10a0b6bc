import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";

import { ChannelStream } from "./channel-stream.ts";
import type { Channel } from "./channel.ts";
import { CHANNEL_WINDOW } from "./limits.ts";
import { MSG } from "./messages.ts";
import { arrived, channelPair } from "./testing/channel-pair.ts";
import type { PairEnd } from "./testing/channel-pair.ts";
import { wireOf } from "./wire.ts";
import type { Wire } from "./wire.ts";

interface Fixture {
  readonly wire: Wire;
  readonly stream: ChannelStream;
  readonly near: PairEnd;
  /** The channel at the other end. */
  readonly far: Channel;
  /** What the other end got. */
  readonly got: () => Buffer;
  /** What the wire read, and how it ended. */
  readonly read: () => Buffer;
  readonly ends: string[];
}

function fixture(window?: number): Fixture {
  const { near, far } = channelPair(window);
  const stream = new ChannelStream(near.channel);
  const wire = wireOf(stream);
  const ends: string[] = [];
  const [sent, received]: [Buffer[], Buffer[]] = [[], []];
  far.channel.consume({
    data: (chunk) => sent.push(Buffer.from(chunk)),
    eof: () => ends.push("far eof"),
    writable: () => undefined,
    request: () => false,
    closed: () => ends.push("far closed"),
  });
  wire.listen({
    error: () => ends.push("error"),
    end: () => ends.push("end"),
    close: () => ends.push("close"),
  });
  wire.read((chunk) => received.push(Buffer.from(chunk)));
  return {
    ...{ wire, stream, near, far: far.channel, ends },
    got: () => Buffer.concat(sent),
    read: () => Buffer.concat(received),
  };
}

describe("wireOf() a channel", () => {
  it("send() takes what the window lets through, write() the rest once it opens", async () => {
    const { wire, near, got } = fixture(100_000);
    const bytes = randomBytes(250_000);
    const sent = wire.send(bytes);
    assert.equal(sent, 100_000);
    let done = false;
    wire.write(bytes.subarray(sent), () => {
      done = true;
    });
    assert.equal(wire.waiting, 150_000);
    assert.equal(wire.send(Buffer.from("too early")), 0);
    near.channel.receiveWindowAdjust(149_999);
    assert.equal(done, false);
    near.channel.receiveWindowAdjust(1);
    assert.equal(done, true);
    await arrived();
    assert.deepEqual(got(), bytes);
  });

  it("send() lets nothing overtake what waits", async () => {
    const { wire, near, got } = fixture();
    near.blocked = true;
    let overtaking: number | undefined;
    wire.write(Buffer.from("one "), () => {
      overtaking = wire.send(Buffer.from("four"));
    });
    wire.write(Buffer.from("two "), () => undefined);
    near.unblock();
    await arrived();
    assert.equal(overtaking, 0);
    assert.equal(got().toString(), "one two ");
  });

  it("read() gets what came before it, and re-opens the window for what it took", async () => {
    const { near, far } = channelPair();
    const stream = new ChannelStream(near.channel);
    far.channel.send(Buffer.from("early "));
    await arrived();
    const wire = wireOf(stream);
    const read: string[] = [];
    wire.read((chunk) => read.push(chunk.toString()));
    far.channel.send(Buffer.from("late"));
    await arrived();
    assert.deepEqual(read, ["early ", "late"]);
    far.channel.send(Buffer.alloc(CHANNEL_WINDOW - 10));
    await arrived();
    assert.deepEqual([...new Set(near.sent)], [MSG.CHANNEL_WINDOW_ADJUST]);
  });

  it("pause() keeps what arrives, and its window, until resume()", async () => {
    const { wire, near, far, read } = fixture();
    wire.pause();
    far.send(Buffer.alloc(CHANNEL_WINDOW, 7));
    await arrived();
    assert.equal(read().length, 0);
    assert.deepEqual(near.sent, []);
    wire.resume();
    assert.equal(read().length, CHANNEL_WINDOW);
    assert.notDeepEqual(near.sent, []);
  });

  it("end() sends EOF behind what waits", async () => {
    const { wire, near, got, ends } = fixture();
    near.blocked = true;
    wire.write(Buffer.from("last words"), () => undefined);
    wire.end();
    assert.equal(wire.open, false);
    await arrived();
    assert.deepEqual(ends, []);
    near.unblock();
    await arrived();
    assert.equal(got().toString(), "last words");
    assert.deepEqual(ends, ["far eof"]);
  });

  it("tells the peer's end once, behind what a pause kept", async () => {
    const { wire, far, read, ends } = fixture();
    wire.pause();
    far.send(Buffer.from("bye"));
    far.sendEof();
    await arrived();
    assert.deepEqual(ends, []);
    wire.resume();
    wire.resume();
    assert.equal(read().toString(), "bye");
    assert.deepEqual(ends, ["end"]);
  });

  for (const [who, act] of [
    [
      "the peer",
      ({ far }: Fixture) => {
        far.sendClose();
      },
    ],
    [
      "destroy()",
      ({ wire }: Fixture) => {
        wire.destroy();
      },
    ],
    ["whoever dialled it", ({ stream }: Fixture) => stream.destroy()],
    [
      "the connection's loss",
      ({ near }: Fixture) => {
        near.channel.cut();
      },
    ],
  ] as const) {
    it(`closes once when ${who} ends it, and finishes what waits`, async () => {
      const made = fixture();
      made.near.blocked = true;
      let done = 0;
      made.wire.write(Buffer.from("x"), () => (done += 1));
      act(made);
      await arrived();
      await arrived();
      assert.equal(made.ends.filter((end) => end === "close").length, 1);
      assert.equal(done, 1);
      assert.equal(made.wire.open, false);
      assert.equal(made.stream.destroyed, true);
    });
  }

  it("destroy() says so after the call that asked for it", () => {
    const { wire, ends } = fixture();
    wire.destroy();
    assert.deepEqual(ends, []);
  });

  it("reads no extended data, and lets the peer send more of it", async () => {
    const { near, far, read } = fixture();
    far.send(Buffer.alloc(CHANNEL_WINDOW - 10), 1);
    await arrived();
    assert.equal(read().length, 0);
    assert.deepEqual([...new Set(near.sent)], [MSG.CHANNEL_WINDOW_ADJUST]);
  });
});
