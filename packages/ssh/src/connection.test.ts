import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { SshChannel } from "./channel-stream.ts";
import { MSG } from "./messages.ts";
import { startSsh2 } from "./startup.ts";
import { openMessage, peerFixture, settled } from "./testing/peer-fixture.ts";
import { message, rawClient } from "./testing/raw-peer.ts";

describe("SshConnection", () => {
  before(async () => {
    await startSsh2();
  });

  it("cuts every channel before end() returns, and says why on the wire", async () => {
    const { server, peer, connection, held } = await peerFixture();
    await peer.open("hold");
    let told = false;
    connection.onClose(() => {
      told = true;
    });
    connection.end("access revoked");
    assert.ok(told);
    assert.equal(held[0]?.destroyed, true);
    assert.match((await peer.closed)?.message ?? "", /access revoked/);
    assert.equal(connection.channels(), 0);
    await server.close();
  });
  it("looks at nothing that is already in memory when end() is called", async () => {
    const opened: string[] = [];
    const { server, peer } = await peerFixture({
      connected(connection) {
        connection.onChannel("cut", (channel) => {
          opened.push(channel.type);
          connection.end();
        });
      },
    });
    for (let i = 0; i < 5; i += 1) peer.transport.send(openMessage(32_768, "cut", i));
    await peer.closed;
    assert.deepEqual(opened, ["cut"]);
    await server.close();
  });
  it("is gone within 50 ms for a peer that does not read", async () => {
    const { server, peer, connection } = await peerFixture();
    peer.transport.wire.pause();
    connection.end("bye");
    await new Promise((resolve) => setTimeout(resolve, 70));
    assert.equal(server.connections(), 0);
    await server.close();
  });
  it("gives a closed channel to whoever accepts too late", async () => {
    const requests: (() => SshChannel)[] = [];
    const { server, peer } = await peerFixture({
      connected(connection) {
        connection.onChannel("late", (channel) => requests.push(() => channel.accept()));
      },
    });
    peer.transport.send(openMessage(32_768, "late"));
    await settled(peer);
    peer.transport.destroy();
    while (server.connections() > 0) await new Promise(setImmediate);
    const channel = requests[0]?.();
    assert.equal(channel?.destroyed, true);
    await server.close();
  });
  it("carries 2,000 channels at once, and forgets them when they close", async () => {
    const { server, peer, connection, held } = await peerFixture({ limits: { channelsPerConnection: 4096 } });
    peer.transport.receiveLimit = Infinity;
    for (let i = 0; i < 2000; i += 1) peer.transport.send(openMessage(32_768, "hold", i));
    await settled(peer);
    assert.equal(connection.channels(), 2000);
    for (const [i, channel] of held.entries()) channel.write(Buffer.from(String(i)));
    await settled(peer);
    const said = peer.received
      .filter((payload) => payload[0] === MSG.CHANNEL_DATA)
      .map((payload) => [payload.readUInt32BE(1), payload.subarray(9).toString()]);
    assert.deepEqual(
      said,
      held.map((_, i) => [i, String(i)]),
    );
    for (let i = 0; i < 2000; i += 1) peer.send(message(MSG.CHANNEL_CLOSE).u32(i));
    await settled(peer);
    assert.equal(connection.channels(), 0);
    await server.close();
  });
  it("rejects opens that a dying connection leaves unanswered", async () => {
    const { server, peer, connection } = await peerFixture();
    const opened = connection.openChannel("to-you", Buffer.alloc(0));
    await peer.next(MSG.CHANNEL_OPEN);
    peer.transport.destroy();
    await assert.rejects(opened, { code: "SSH_CONNECTION_CLOSED" });
    await assert.rejects(connection.openChannel("again", Buffer.alloc(0)), { code: "SSH_CONNECTION_CLOSED" });
    await server.close();
  });
  it("gives up on an open that is never answered, and closes it if the answer comes late", async () => {
    const { server, peer, connection } = await peerFixture();
    const opened = connection.openChannel("to-you", Buffer.alloc(0), 5);
    const request = await peer.next(MSG.CHANNEL_OPEN);
    request.text();
    const theirs = request.u32();
    await assert.rejects(opened, { code: "SSH_TIMEOUT" });
    peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(theirs).u32(7).u32(1000).u32(32_768));
    assert.equal((await peer.next(MSG.CHANNEL_CLOSE)).u32(), 7);
    await server.close();
  });
  it("reports why the peer refused an open", async () => {
    const { server, peer, connection } = await peerFixture();
    const opened = connection.openChannel("to-you", Buffer.alloc(0));
    const request = await peer.next(MSG.CHANNEL_OPEN);
    request.text();
    peer.send(message(MSG.CHANNEL_OPEN_FAILURE).u32(request.u32()).u32(1).string("not yours").string(""));
    await assert.rejects(opened, { code: "SSH_CHANNEL_REFUSED", reason: "prohibited" });
    await server.close();
  });
  it("cuts a hung peer by keep-alive, and asks a live one", async () => {
    const { server, clock, connection, peer } = await peerFixture({
      keepalive: { lookEveryMs: 1000, idleLooks: [1, 1], outstandingLooks: 1, answerLooks: 1 },
    });
    clock.advance(1000);
    clock.advance(1000);
    const ask = await peer.next(MSG.GLOBAL_REQUEST);
    assert.equal(ask.text(), "keepalive@openssh.com");
    clock.advance(1000);
    clock.advance(1000);
    await connection.closed;
    assert.equal(clock.timers, 0, "nothing is left behind");
    await server.close();
  });
  it("refuses the connection after the limit of an address without reading from it", async () => {
    const { server, refused } = await peerFixture({ limits: { unauthenticatedPerAddress: 2 } });
    const waiting = [rawClient(server, "192.0.2.9"), rawClient(server, "192.0.2.9")];
    await Promise.all(waiting.map((peer) => peer.secured));
    await rawClient(server, "192.0.2.9").closed;
    assert.equal(refused.at(-1)?.reason, "too-many-from-address");
    await server.close();
  });
});
