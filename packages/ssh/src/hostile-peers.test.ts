import assert from "node:assert/strict";
import { connect } from "node:net";
import { before, describe, it } from "node:test";

import { until } from "@teleport-access/testkit";

import type { SshError } from "./errors.ts";
import { CHANNEL_PACKET, CHANNEL_WINDOW, MAX_UNREAD_BYTES } from "./limits.ts";
import { MSG } from "./messages.ts";
import type { SshConnection } from "./server.ts";
import { startSsh2 } from "./startup.ts";
import { alice, expectUnknown, flood, openMessage, peerFixture, settled } from "./testing/peer-fixture.ts";
import { message, rawClient, rawClientOver } from "./testing/raw-peer.ts";
import type { RawPeer } from "./testing/raw-peer.ts";

describe("createSshServer, hostile peers", () => {
  before(async () => {
    await startSsh2();
  });

  for (const packetSize of [0, 1, 64, 255]) {
    it(`refuses channels with maximum packet size ${packetSize}`, async () => {
      const { server, peer, held } = await peerFixture();
      peer.transport.send(openMessage(packetSize));
      const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
      assert.deepEqual([failure.u32(), failure.u32()], [0, 4]);
      assert.equal(held.length, 0);
      await server.close();
    });
    it(`refuses confirmations with maximum packet size ${packetSize}`, async () => {
      const { server, peer, connection } = await peerFixture();
      const opened = connection.openChannel("to-you", Buffer.from("payload"));
      const request = await peer.next(MSG.CHANNEL_OPEN);
      assert.equal(request.text(), "to-you");
      const theirs = request.u32();
      peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(theirs).u32(9).u32(1000).u32(packetSize));
      await assert.rejects(opened, { code: "SSH_PROTOCOL" });
      assert.equal((await peer.next(MSG.CHANNEL_CLOSE)).u32(), 9);
      peer.send(message(MSG.CHANNEL_CLOSE).u32(theirs));
      await settled(peer);
      assert.equal(connection.channels(), 0);
      await server.close();
    });
  }
  for (const packetSize of [256, 0xffff_ffff]) {
    it(`takes channels with maximum packet size ${packetSize}, and never sends more than its own`, async () => {
      const { server, peer, held } = await peerFixture();
      await peer.open("hold", packetSize, 0xffff_ffff);
      held[0]?.write(Buffer.alloc(100_000));
      for (let left = 100_000; left > 0;) {
        const data = await peer.next(MSG.CHANNEL_DATA);
        data.u32();
        const size = data.u32();
        assert.ok(size <= Math.min(packetSize, CHANNEL_PACKET));
        left -= size;
      }
      await server.close();
    });
  }

  it("refuses more channels than the limit, and takes them again when some have closed", async () => {
    const { server, peer, connection } = await peerFixture({ limits: { channelsPerConnection: 4 } });
    for (let i = 0; i < 4; i += 1) await peer.open("hold");
    peer.transport.send(openMessage(32_768));
    const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    assert.deepEqual([failure.u32(), failure.u32()], [0, 4]);
    peer.send(message(MSG.CHANNEL_CLOSE).u32(2));
    await peer.next(MSG.CHANNEL_CLOSE);
    await peer.open("hold");
    assert.equal(connection.channels(), 4);
    await server.close();
  });
  it("counts channels that nobody has answered yet", async () => {
    const { server, peer } = await peerFixture({ limits: { channelsPerConnection: 2 } });
    for (let i = 0; i < 3; i += 1) peer.transport.send(openMessage(32_768, "never", i));
    const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    assert.equal(failure.u32(), 2);
    await server.close();
  });
  it("slows down who asks for channels without end, and reads on when they are paid for", async () => {
    const { server, peer } = await peerFixture({ limits: { channelOpens: { burst: 10, perSecond: 200 } } });
    const from = performance.now();
    for (let i = 0; i < 10; i += 1) peer.transport.send(openMessage(32_768, "unknown", i));
    await settled(peer);
    for (let i = 0; i < 30; i += 1) peer.transport.send(openMessage(32_768, "unknown", i));
    for (let i = 0; i < 40; i += 1) await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    assert.ok(performance.now() - from >= 140, "thirty beyond the burst at two hundred a second");
    await settled(peer);
    await server.close();
  });
  it("handles no more of what one read brought than is paid for, and all of it in the end", async () => {
    const limits = { channelsPerConnection: 100, channelOpens: { burst: 5, perSecond: 50 } };
    const connections: SshConnection<string>[] = [];
    const { server } = await peerFixture({ limits, connected: (connection) => connections.push(connection) });
    const peer = rawClientOver(connect(await server.listen(0, "127.0.0.1"), "127.0.0.1"));
    await peer.authenticate("alice", alice);
    const [, connection] = connections;
    assert.ok(connection);
    for (let i = 0; i < 50; i += 1) peer.transport.send(openMessage(32_768, "never", i));
    await until("the first", () => connection.channels() >= 5, { deadlineMs: 5000, everyMs: 1 });
    assert.ok(connection.channels() < 25, `${connection.channels()} at once`);
    await until("the last", () => connection.channels() === 50, { deadlineMs: 5000, everyMs: 1 });
    await server.close();
  });
  it("keeps nothing of refused channels", async () => {
    const { server, peer, connection } = await peerFixture();
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 500; i += 1) peer.transport.send(openMessage(32_768, "unknown", i));
      await settled(peer);
      peer.received.length = 0;
    }
    assert.equal(connection.channels(), 0);
    await server.close();
  });

  const violations: readonly { name: string; send: (peer: RawPeer, channel: number) => void; why: string }[] =
    [
      {
        name: "data beyond the window",
        send: (peer, channel) => {
          const packet = message(MSG.CHANNEL_DATA).u32(channel).string(Buffer.alloc(32_000)).done();
          void flood(peer, packet, CHANNEL_WINDOW / 32_000 + 1);
        },
        why: "unread data would grow without end",
      },
      {
        name: "a packet larger than we take",
        send: (peer, channel) => {
          peer.send(
            message(MSG.CHANNEL_DATA)
              .u32(channel)
              .string(Buffer.alloc(CHANNEL_PACKET + 1)),
          );
        },
        why: "the limit was agreed",
      },
      {
        name: "data for channel 0xffffffff",
        send: (peer) => {
          peer.send(message(MSG.CHANNEL_DATA).u32(0xffff_ffff).string("x"));
        },
        why: "ssh2's own server threw an exception nobody caught",
      },
      {
        name: "data after EOF",
        send: (peer, channel) => {
          peer.send(message(MSG.CHANNEL_EOF).u32(channel));
          peer.send(message(MSG.CHANNEL_DATA).u32(channel).string("x"));
        },
        why: "the end is the end",
      },
      {
        name: "a window grown over 2^32",
        send: (peer, channel) => {
          peer.send(message(MSG.CHANNEL_WINDOW_ADJUST).u32(channel).u32(0xffff_ffff));
          peer.send(message(MSG.CHANNEL_WINDOW_ADJUST).u32(channel).u32(0xffff_ffff));
        },
        why: "the sum would overflow somewhere",
      },
      {
        name: "an answer to nothing",
        send: (peer, channel) => {
          peer.send(message(MSG.CHANNEL_SUCCESS).u32(channel));
        },
        why: "it would answer the next question",
      },
      {
        name: "a confirmation of a channel nobody opened",
        send: (peer) => {
          peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(0).u32(0).u32(1000).u32(1000));
        },
        why: "channels are opened by asking",
      },
      {
        name: "a truncated message",
        send: (peer) => {
          peer.transport.send(Buffer.of(MSG.CHANNEL_OPEN, 0, 0, 0, 9));
        },
        why: "what cannot be parsed cannot be trusted",
      },
      {
        name: "extended data of type 0",
        send: (peer, channel) => {
          peer.send(message(MSG.CHANNEL_EXTENDED_DATA).u32(channel).u32(0).string("x"));
        },
        why: "it would pass for data",
      },
      {
        name: "USERAUTH_SUCCESS after authentication",
        send: (peer) => {
          peer.send(message(MSG.USERAUTH_SUCCESS));
        },
        why: "only servers say so",
      },
      {
        name: "NEWKEYS out of the blue",
        send: (peer) => {
          peer.send(message(21));
        },
        why: "keys are exchanged first",
      },
    ];
  for (const { name, send, why } of violations) {
    it(`ends the connection, and nothing else, on ${name}`, async () => {
      const { server, peer, held, connection } = await peerFixture();
      const channel = await peer.open("hold");
      const other = rawClient(server, "192.0.2.2");
      await other.authenticate("alice", alice);
      send(peer, channel);
      const error = await new Promise<SshError | undefined>((resolve) => {
        connection.onClose(resolve);
      });
      assert.equal(error?.code, "SSH_PROTOCOL", why);
      await peer.closed;
      assert.equal(held[0]?.destroyed, true);
      await settled(other);
      await server.close();
    });
  }

  it("answers messages it does not know with UNIMPLEMENTED, and goes on", async () => {
    const { server, peer } = await peerFixture();
    peer.send(message(192).string("what?"));
    await settled(peer);
    await server.close();
  });
  it("takes unasked answers to global requests for what they are: nothing", async () => {
    const { server, peer } = await peerFixture();
    for (let i = 0; i < 1000; i += 1)
      peer.send(message(i % 2 === 0 ? MSG.REQUEST_SUCCESS : MSG.REQUEST_FAILURE));
    await settled(peer);
    await server.close();
  });
  it("cuts a peer that asks for answers and does not read them", async () => {
    const { server, peer, connection } = await peerFixture();
    peer.transport.wire.pause();
    const ask = message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1).done();
    const closed = Promise.withResolvers<string>();
    connection.onClose((error) => {
      closed.resolve(error?.message ?? "");
    });
    await flood(peer, ask, (2 * MAX_UNREAD_BYTES) / 32);
    assert.match(await closed.promise, /does not read/);
    await server.close();
  });
  it("holds back data from a peer that advertises 4 GiB and stops reading", async () => {
    const { server, peer, held } = await peerFixture();
    await peer.open("hold", 32_768, 0xffff_ffff);
    peer.transport.wire.pause();
    const [stream] = held;
    assert.ok(stream);
    let written = 0;
    const chunk = Buffer.alloc(65_536);
    for (let i = 0; i < 200; i += 1) {
      if (!stream.writableNeedDrain) {
        stream.write(chunk);
        written += chunk.length;
      }
      await new Promise(setImmediate);
    }
    assert.ok(written < 2_000_000, `${written} bytes were taken from the writer`);
    await server.close();
  });
  it("gives no window for what nobody reads, and all of it back for what is read", async () => {
    const { server, peer, held } = await peerFixture();
    const channel = await peer.open("hold");
    const packet = message(MSG.CHANNEL_DATA).u32(channel).string(Buffer.alloc(32_768)).done();
    await flood(peer, packet, CHANNEL_WINDOW / 32_768);
    await settled(peer);
    assert.ok(!peer.received.some((payload) => payload[0] === MSG.CHANNEL_WINDOW_ADJUST));
    held[0]?.resume();
    let given = 0;
    while (given < CHANNEL_WINDOW) {
      const adjust = await peer.next(MSG.CHANNEL_WINDOW_ADJUST);
      adjust.u32();
      given += adjust.u32();
    }
    assert.equal(given, CHANNEL_WINDOW);
    await server.close();
  });
  it("refuses sessions after no-more-sessions, and everything that has no handler", async () => {
    const { server, peer, connection } = await peerFixture();
    await expectUnknown(peer, [
      "session",
      "direct-tcpip",
      "x11",
      "tun@openssh.com",
      "direct-streamlocal@openssh.com",
    ]);
    connection.onSession(() => assert.fail("no session may be opened"));
    peer.send(message(MSG.GLOBAL_REQUEST).string("no-more-sessions@openssh.com").u8(1));
    await peer.next(MSG.REQUEST_SUCCESS);
    peer.transport.send(openMessage(32_768, "session"));
    assert.deepEqual((await peer.next(MSG.CHANNEL_OPEN_FAILURE)).u32(), 0);
    for (const name of [
      "tcpip-forward",
      "streamlocal-forward@openssh.com",
      "hostkeys-prove-00@openssh.com",
    ]) {
      peer.send(message(MSG.GLOBAL_REQUEST).string(name).u8(1).string("127.0.0.1").u32(22));
      await peer.next(MSG.REQUEST_FAILURE);
    }
    await server.close();
  });
  it("refuses direct-tcpip to ports that are none", async () => {
    const { server, peer, connection } = await peerFixture();
    connection.onDirectTcpip(() => assert.fail("not a port"));
    for (const port of [0, 65_536, 0xffff_ffff]) {
      const payload = message(MSG.CHANNEL_OPEN).string("direct-tcpip").u32(0).u32(1000).u32(32_768);
      peer.send(payload.string("web-1.prod").u32(port).string("127.0.0.1").u32(1));
      await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    }
    await server.close();
  });
});
