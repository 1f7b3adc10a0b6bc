import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { once } from "node:events";

import { arrived, channelPair } from "./testing/channel-pair.ts";
import type { ChannelPair } from "./testing/channel-pair.ts";
import { ChannelStream, stderrOf } from "./channel-stream.ts";
import { CHANNEL_WINDOW } from "./limits.ts";
import { MSG } from "./messages.ts";
import { collect } from "./testing/collect.ts";

interface Streams extends ChannelPair {
  readonly a: ChannelStream;
  readonly b: ChannelStream;
}
function streams(window?: number, packetSize?: number): Streams {
  const pair = channelPair(window, packetSize);
  return { ...pair, a: new ChannelStream(pair.near.channel), b: new ChannelStream(pair.far.channel) };
}

describe("ChannelStream", () => {
  for (const [window, packetSize] of [
    [CHANNEL_WINDOW, 32_768],
    [300, 256],
    [256, 1000],
  ] as const) {
    it(`ChannelStream carries 1 MB through a window of ${window} and packets of ${packetSize}`, async () => {
      const { a, b } = streams(window, packetSize);
      const payload = randomBytes(1_000_000);
      a.end(payload);
      // The far end adjusts by its own window, so a tiny one has to be opened by hand.
      if (window < CHANNEL_WINDOW) a.channel.receiveWindowAdjust(1_000_000);
      assert.deepEqual(await collect(b), payload);
      assert.equal(a.bytesSent, payload.length);
      assert.equal(b.bytesReceived, payload.length);
    });
  }
  it("ChannelStream leaves the other direction open after end()", async () => {
    const { a, b } = streams();
    a.end("question");
    assert.equal((await collect(b)).toString(), "question");
    assert.equal(b.writable, true);
    b.end("answer");
    assert.equal((await collect(a)).toString(), "answer");
  });
  it("ChannelStream sends CLOSE once both directions have ended, and gives the number back", async () => {
    const { a, b, near, far } = streams();
    a.resume().end();
    b.resume().end();
    await Promise.all([once(a, "close"), once(b, "close")]);
    assert.deepEqual(near.sent, [MSG.CHANNEL_EOF, MSG.CHANNEL_CLOSE]);
    assert.ok(near.released && far.released);
  });
  it("ChannelStream close() sends what was written, EOF and CLOSE without waiting for the peer", async () => {
    const { a, b, near } = streams();
    near.blocked = true;
    a.write("last words");
    a.close();
    assert.deepEqual(near.sent, []);
    near.unblock();
    assert.equal((await collect(b)).toString(), "last words");
    assert.deepEqual(near.sent, [MSG.CHANNEL_EOF, MSG.CHANNEL_CLOSE]);
  });
  it("ChannelStream destroy() closes at once and drops what waits", async () => {
    const { a, b, near } = streams();
    near.blocked = true;
    a.write("never sent");
    a.destroy();
    await once(a, "close");
    assert.equal((await collect(b)).length, 0);
    assert.equal(near.released, true);
  });
  it("ChannelStream gives its reader what came before the peer's CLOSE", async () => {
    const { a, b } = streams();
    a.write("one");
    a.write("two");
    a.close();
    await arrived();
    assert.equal(b.closedByPeer, true);
    assert.equal((await collect(b)).toString(), "onetwo");
  });
  it("ChannelStream swallows writes after the peer's CLOSE instead of failing", async () => {
    const { a, b } = streams();
    a.destroy();
    await arrived();
    await new Promise<void>((resolve) => {
      b.write("too late", () => {
        resolve();
      });
    });
    b.resume();
    await once(b, "close");
  });
  it("ChannelStream calls a waiting writer back when the channel is closed", async () => {
    const { a, b } = streams(100);
    const written = new Promise<void>((resolve) => {
      a.write(Buffer.alloc(5000), () => {
        resolve();
      });
    });
    b.destroy();
    await written;
  });
  it("ChannelStream closes without an error when its connection dies", async () => {
    const { a } = streams();
    a.on("error", () => assert.fail("a cut is no error"));
    a.channel.cut();
    await once(a, "close");
    assert.equal(a.destroyed, true);
  });
  it("ChannelStream does not end the process when somebody writes after the end", async () => {
    const { a } = streams();
    a.end();
    a.write("mistake");
    await arrived();
  });
  it("ChannelStream keeps stderr and stdout apart and in order when both wait for window", async () => {
    const { a, b } = streams(10);
    const stderr = stderrOf(a);
    const errors: Buffer[] = [];
    b.onExtended = (chunk, type) => {
      assert.equal(type, 1);
      errors.push(chunk);
      b.channel.consumed(chunk.length);
    };
    a.write("o".repeat(40));
    stderr.write("e".repeat(40));
    a.write("O".repeat(40));
    for (let i = 0; i < 20; i += 1) {
      a.channel.receiveWindowAdjust(6);
      await arrived();
    }
    a.end();
    assert.equal((await collect(b)).toString(), "o".repeat(40) + "O".repeat(40));
    assert.equal(Buffer.concat(errors).toString(), "e".repeat(40));
  });
  it("ChannelStream re-opens the window only for bytes that were read", async () => {
    const { a, b, far } = streams();
    a.write(Buffer.alloc(CHANNEL_WINDOW));
    await arrived();
    assert.ok(!far.sent.includes(MSG.CHANNEL_WINDOW_ADJUST));
    b.resume();
    await arrived();
    assert.ok(far.sent.includes(MSG.CHANNEL_WINDOW_ADJUST));
  });
  it("ChannelStream cannot be taken over once it is being read", async () => {
    const { a, b } = streams();
    a.write("x");
    await arrived();
    b.read(0);
    assert.throws(() => b.detach(), { code: "SSH_BAD_OPTION" });
  });
  it("ChannelStream answers requests, and refuses those nobody handles", async () => {
    const { a, b } = streams();
    const answers: boolean[] = [];
    b.onRequest = (name) => name === "known";
    a.channel.sendRequest("known", Buffer.alloc(0), (accepted) => answers.push(accepted));
    a.channel.sendRequest("unknown", Buffer.alloc(0), (accepted) => answers.push(accepted));
    await arrived();
    a.destroy();
    a.channel.sendRequest("late", Buffer.alloc(0), (accepted) => answers.push(accepted));
    await once(a, "close");
    assert.deepEqual(answers, [true, false, false]);
  });
});
