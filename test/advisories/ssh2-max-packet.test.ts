/**
 * Found here: ssh2 1.17.0 spins for ever when a peer opens or confirms a channel with a maximum packet
 * size of 0, and sends a packet for each byte with 1. Here sizes below 256 are refused before there is a
 * channel, and larger ones than our own gain nothing.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startSsh2 } from "@teleport-access/ssh";
import { CHANNEL_PACKET } from "../../packages/ssh/src/limits.ts";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { openMessage, peerFixture, settled } from "../../packages/ssh/src/testing/peer-fixture.ts";
import { message } from "../../packages/ssh/src/testing/raw-peer.ts";

before(async () => {
  await startSsh2();
});

for (const size of [0, 1, 64, 255])
  test(`a channel with a maximum packet size of ${size} is refused, opened by either side`, async () => {
    const { server, peer, connection, held } = await peerFixture();
    peer.transport.send(openMessage(size));
    await settled(peer);
    assert.equal(held.length, 0);
    const opened = connection.openChannel("to-you", Buffer.alloc(0));
    opened.catch(() => undefined);
    const request = await peer.next(MSG.CHANNEL_OPEN);
    request.text();
    peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(request.u32()).u32(9).u32(1000).u32(size));
    await assert.rejects(opened, { code: "SSH_PROTOCOL" });
    await server.close();
  });

test("a maximum packet size of 2^32-1 makes no packet larger than ours", async () => {
  const { server, peer, held } = await peerFixture();
  await peer.open("hold", 0xffff_ffff, 0xffff_ffff);
  held[0]?.write(Buffer.alloc(100_000));
  for (let left = 100_000; left > 0;) {
    const data = await peer.next(MSG.CHANNEL_DATA);
    data.u32();
    const size = data.u32();
    assert.ok(size <= CHANNEL_PACKET);
    left -= size;
  }
  await server.close();
});
