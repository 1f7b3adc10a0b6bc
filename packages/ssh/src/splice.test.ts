import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";

import { arrived, channelPair } from "./testing/channel-pair.ts";
import type { PairEnd } from "./testing/channel-pair.ts";
import { ChannelStream } from "./channel-stream.ts";
import { CHANNEL_PACKET, CHANNEL_WINDOW } from "./limits.ts";
import { MSG } from "./messages.ts";
import { spliceChannels, spliceSocket } from "./splice.ts";
import type { Splice } from "./splice.ts";
import { collect } from "./testing/collect.ts";

interface Relayed {
  /** The outer ends: what people and targets hold. */
  readonly left: ChannelStream;
  readonly right: ChannelStream;
  /** The relay's own ends. */
  readonly leftEnd: PairEnd;
  readonly rightEnd: PairEnd;
  readonly splice: Splice;
}
async function relayed(before?: (left: ChannelStream) => void): Promise<Relayed> {
  const [one, two] = [channelPair(), channelPair()];
  const left = new ChannelStream(one.near.channel);
  const right = new ChannelStream(two.far.channel);
  const [inner, outer] = [new ChannelStream(one.far.channel), new ChannelStream(two.near.channel)];
  before?.(left);
  await arrived();
  return { left, right, leftEnd: one.far, rightEnd: two.near, splice: spliceChannels(inner, outer) };
}

function closeIt(stream: ChannelStream): void {
  stream.destroy();
}
function cutIt(stream: ChannelStream): void {
  stream.channel.cut();
}

describe("spliceChannels", () => {
  it("spliceChannels carries both directions and counts them", async () => {
    const { left, right, splice } = await relayed();
    const [there, back] = [randomBytes(5_000_000), randomBytes(3_000_000)];
    left.end(there);
    right.end(back);
    const [atRight, atLeft] = await Promise.all([collect(right), collect(left)]);
    assert.ok(atRight.equals(there) && atLeft.equals(back));
    assert.deepEqual([splice.bytesIn(), splice.bytesOut()], [there.length, back.length]);
    await splice.closed;
  });
  it("spliceChannels relays what arrived before it, the end included", async () => {
    const { right, splice, left } = await relayed((early) => early.end("early bird"));
    assert.equal((await collect(right)).toString(), "early bird");
    right.end("answer");
    assert.equal((await collect(left)).toString(), "answer");
    await splice.closed;
  });
  it("spliceChannels relays EOF as EOF: the other direction goes on", async () => {
    const { left, right } = await relayed();
    left.end("question");
    assert.equal((await collect(right)).toString(), "question");
    assert.equal(left.closedByPeer, false);
    right.write("answer");
    assert.equal(String((await once(left, "data"))[0]), "answer");
  });
  it("spliceChannels closes the other side after what came before the CLOSE", async () => {
    const { left, right, rightEnd, splice } = await relayed();
    rightEnd.blocked = true;
    left.write("last words");
    left.close();
    await arrived();
    assert.ok(!rightEnd.sent.includes(MSG.CHANNEL_CLOSE));
    rightEnd.unblock();
    assert.equal((await collect(right)).toString(), "last words");
    assert.ok(rightEnd.sent.includes(MSG.CHANNEL_CLOSE));
    await splice.closed;
  });
  it("spliceChannels lets a stalled reader cost one window and no more", async () => {
    const { left, rightEnd, leftEnd, splice } = await relayed();
    rightEnd.blocked = true;
    const chunk = Buffer.alloc(CHANNEL_PACKET);
    let sent = 0;
    for (let taken = chunk.length; taken === chunk.length; sent += taken) taken = left.channel.send(chunk);
    await arrived();
    assert.ok(sent <= CHANNEL_WINDOW, `${sent} bytes`);
    assert.ok(!leftEnd.sent.includes(MSG.CHANNEL_WINDOW_ADJUST));
    rightEnd.unblock();
    assert.ok(leftEnd.sent.includes(MSG.CHANNEL_WINDOW_ADJUST));
    assert.equal(splice.bytesIn(), sent);
  });
  it("spliceChannels closes the other side at once when a connection is cut", async () => {
    const { left, right, leftEnd, rightEnd, splice } = await relayed();
    rightEnd.blocked = true;
    left.write("never delivered");
    await arrived();
    leftEnd.channel.cut();
    await splice.closed;
    assert.ok(rightEnd.sent.includes(MSG.CHANNEL_CLOSE));
    assert.equal((await collect(right)).length, 0);
  });
  it("spliceChannels abort() closes both sides and loses what waits", async () => {
    const { left, right, rightEnd, splice } = await relayed();
    rightEnd.blocked = true;
    left.write("never delivered");
    await arrived();
    splice.abort();
    splice.abort();
    await splice.closed;
    assert.equal((await collect(right)).length, 0);
    assert.equal((await collect(left)).length, 0);
  });
  for (const [name, kill] of [
    ["closed", closeIt],
    ["cut", cutIt],
  ] as const) {
    it(`spliceChannels of a channel that was ${name} before closes the other`, async () => {
      const [one, two] = [channelPair(), channelPair()];
      const [gone, alive] = [new ChannelStream(one.near.channel), new ChannelStream(two.near.channel)];
      const peer = new ChannelStream(two.far.channel);
      kill(name === "closed" ? new ChannelStream(one.far.channel) : gone);
      await arrived();
      await spliceChannels(gone, alive).closed;
      await arrived();
      assert.equal(peer.closedByPeer, true);
    });
  }
});

interface SocketRelay {
  readonly channel: ChannelStream;
  readonly end: PairEnd;
  /** The target's side of the socket. */
  readonly target: Socket;
  readonly splice: Splice;
  readonly close: () => void;
}
async function socketRelay(): Promise<SocketRelay> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: "127.0.0.1",
    allowHalfOpen: true,
  });
  await once(socket, "connect");
  const [target] = await accepted;
  const { near, far } = channelPair();
  const splice = spliceSocket(new ChannelStream(far.channel), socket);
  return {
    channel: new ChannelStream(near.channel),
    end: far,
    target,
    splice,
    close() {
      target.destroy();
      server.close();
    },
  };
}

describe("spliceSocket", () => {
  it("spliceSocket carries both directions and counts them", async () => {
    const { channel, target, splice, close } = await socketRelay();
    const [there, back] = [randomBytes(3_000_000), randomBytes(5_000_000)];
    channel.end(there);
    target.end(back);
    const [atTarget, atUser] = await Promise.all([collect(target), collect(channel)]);
    // Not deepEqual: a difference of megabytes takes minutes to print.
    assert.ok(atTarget.equals(there) && atUser.equals(back));
    await splice.closed;
    assert.deepEqual([splice.bytesIn(), splice.bytesOut()], [there.length, back.length]);
    close();
  });
  it("spliceSocket relays the end of either direction and keeps the other", async () => {
    const { channel, target, close } = await socketRelay();
    channel.end("question");
    assert.equal((await collect(target)).toString(), "question");
    target.write("answer");
    assert.equal(String((await once(channel, "data"))[0]), "answer");
    target.end();
    await once(channel, "end");
    close();
  });
  it("spliceSocket closes the channel when the target resets", async () => {
    const { channel, target, splice, close } = await socketRelay();
    channel.resume();
    target.resetAndDestroy();
    await once(channel, "close");
    await splice.closed;
    close();
  });
  it("spliceSocket closes the socket when the channel is cut", async () => {
    const { end, target, splice, close } = await socketRelay();
    target.resume();
    end.channel.cut();
    await Promise.all([once(target, "end"), splice.closed]);
    close();
  });
  it("spliceSocket stops reading the target while the channel is stalled", async () => {
    const { end, target, splice, close } = await socketRelay();
    end.blocked = true;
    target.on("error", () => undefined);
    let written = 0;
    while (target.write(Buffer.alloc(65_536)) && written < 50_000_000) {
      written += 65_536;
      await arrived();
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(splice.bytesOut() <= 65_536 * 2, `${splice.bytesOut()} bytes were read ahead`);
    splice.abort();
    close();
  });
  it("spliceSocket gives no window for what the target does not take", async () => {
    const [socket, target] = duplexPair({ highWaterMark: 1000 });
    const { near, far } = channelPair();
    const splice = spliceSocket(new ChannelStream(far.channel), socket);
    const chunk = Buffer.alloc(CHANNEL_PACKET);
    let sent = 0;
    for (let taken = chunk.length; taken === chunk.length; sent += taken) taken = near.channel.send(chunk);
    await arrived();
    assert.ok(!far.sent.includes(MSG.CHANNEL_WINDOW_ADJUST));
    target.resume();
    while (!far.sent.includes(MSG.CHANNEL_WINDOW_ADJUST)) await arrived();
    assert.equal(splice.bytesIn(), sent);
    splice.abort();
  });
  it("spliceSocket abort() ends both sides", async () => {
    const { channel, target, splice, close } = await socketRelay();
    splice.abort();
    target.resume();
    channel.resume();
    await Promise.all([once(target, "end"), once(channel, "close"), splice.closed]);
    close();
  });
});
