import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";
import { generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";

import { NOW, testAuthority, testIdentity } from "./certified.ts";
import type { SshChannel } from "./channel-stream.ts";
import { connectSsh } from "./client.ts";
import { CHANNEL_PACKET, CHANNEL_WINDOW, MAX_UNREAD_BYTES, USER_LIMITS } from "./limits.ts";
import { MSG } from "./messages.ts";
import { message, rawClient } from "./raw-peer.ts";
import type { RawPeer } from "./raw-peer.ts";
import { createSshServer } from "./server.ts";
import type { RefusedPeer, SshConnection, SshServer, SshServerOptions } from "./server.ts";
import { startSsh2 } from "./startup.ts";

const authority = testAuthority();
const alice = testIdentity(authority);
const hostKey = generatePrivateKey("Ed25519");
const hostKeys = [{ privateKey: hostKey }];

interface Fixture {
  readonly server: SshServer;
  readonly clock: ManualClock;
  readonly peer: RawPeer;
  readonly connection: SshConnection<string>;
  /** Channels of type "hold" that the server accepted and does nothing with. */
  readonly held: SshChannel[];
  readonly refused: RefusedPeer[];
}

/** A server with one authenticated raw peer. */
async function fixture(options: Partial<SshServerOptions<string>> = {}): Promise<Fixture> {
  const clock = new ManualClock(NOW);
  const [held, connections, refused] = [
    [] as SshChannel[],
    [] as SshConnection<string>[],
    [] as RefusedPeer[],
  ];
  function registerHandlers(connection: SshConnection<string>): void {
    connection.onChannel("hold", (channel) => held.push(channel.accept()));
    connection.onChannel("never", () => undefined);
  }
  const server = createSshServer<string>({
    hostKeys: () => hostKeys,
    clock,
    authenticate: () => ({ accept: true, identity: "alice" }),
    refused: (peer) => refused.push(peer),
    ...options,
    connected(connection) {
      connections.push(connection);
      registerHandlers(connection);
      options.connected?.(connection);
    },
  });
  const peer = rawClient(server);
  await peer.authenticate("alice", alice);
  const [connection] = connections;
  assert.ok(connection);
  return { server, clock, peer, connection, held, refused };
}

function open(packetSize: number, type = "hold", sender = 0): Buffer {
  return message(MSG.CHANNEL_OPEN).string(type).u32(sender).u32(1000).u32(packetSize).done();
}

/** A round trip: everything sent before has been handled. */
async function settled(peer: RawPeer): Promise<void> {
  peer.send(message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1));
  await peer.next(MSG.REQUEST_FAILURE);
}

describe("createSshServer, hostile peers", () => {
  before(async () => {
    await startSsh2();
  });

  for (const packetSize of [0, 1, 64, 255]) {
    it(`refuses channels with maximum packet size ${packetSize}`, async () => {
      const { server, peer, held } = await fixture();
      peer.transport.send(open(packetSize));
      const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
      assert.deepEqual([failure.u32(), failure.u32()], [0, 4]);
      assert.equal(held.length, 0);
      await server.close();
    });
    it(`refuses confirmations with maximum packet size ${packetSize}`, async () => {
      const { server, peer, connection } = await fixture();
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
      const { server, peer, held } = await fixture();
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
    const { server, peer, connection } = await fixture({ limits: { channelsPerConnection: 4 } });
    for (let i = 0; i < 4; i += 1) await peer.open("hold");
    peer.transport.send(open(32_768));
    const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    assert.deepEqual([failure.u32(), failure.u32()], [0, 4]);
    peer.send(message(MSG.CHANNEL_CLOSE).u32(2));
    await peer.next(MSG.CHANNEL_CLOSE);
    await peer.open("hold");
    assert.equal(connection.channels(), 4);
    await server.close();
  });
  it("counts channels that nobody has answered yet", async () => {
    const { server, peer } = await fixture({ limits: { channelsPerConnection: 2 } });
    for (let i = 0; i < 3; i += 1) peer.transport.send(open(32_768, "never", i));
    const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    assert.equal(failure.u32(), 2);
    await server.close();
  });
  it("keeps nothing of refused channels", async () => {
    const { server, peer, connection } = await fixture();
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 500; i += 1) peer.transport.send(open(32_768, "unknown", i));
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
          for (let sent = 0; sent <= CHANNEL_WINDOW; sent += 32_000) peer.transport.send(packet);
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
      const { server, peer, held, connection } = await fixture();
      const channel = await peer.open("hold");
      const other = rawClient(server, "192.0.2.2");
      await other.authenticate("alice", alice);
      send(peer, channel);
      const error = await peer.closed;
      assert.match(error?.message ?? "", /protocol error/, why);
      await connection.closed;
      assert.equal(held[0]?.destroyed, true);
      await settled(other);
      await server.close();
    });
  }

  it("answers messages it does not know with UNIMPLEMENTED, and goes on", async () => {
    const { server, peer } = await fixture();
    peer.send(message(192).string("what?"));
    await settled(peer);
    await server.close();
  });
  it("takes unasked answers to global requests for what they are: nothing", async () => {
    const { server, peer } = await fixture();
    for (let i = 0; i < 1000; i += 1)
      peer.send(message(i % 2 === 0 ? MSG.REQUEST_SUCCESS : MSG.REQUEST_FAILURE));
    await settled(peer);
    await server.close();
  });
  it("cuts a peer that asks for answers and does not read them", async () => {
    const { server, peer, connection } = await fixture();
    peer.transport.socket.pause();
    const flood = message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1).done();
    const closed = Promise.withResolvers<string>();
    connection.onClose((error) => {
      closed.resolve(error?.message ?? "");
    });
    const limit = (2 * MAX_UNREAD_BYTES) / 32;
    for (let i = 0; i < limit && server.connections() > 0; i += 1) {
      peer.transport.send(flood);
      if (i % 1000 === 0) await new Promise(setImmediate);
    }
    assert.match(await closed.promise, /does not read/);
    await server.close();
  });
  it("holds back data from a peer that advertises 4 GiB and stops reading", async () => {
    const { server, peer, held } = await fixture();
    await peer.open("hold", 32_768, 0xffff_ffff);
    peer.transport.socket.pause();
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
    const { server, peer, held } = await fixture();
    const channel = await peer.open("hold");
    const packet = message(MSG.CHANNEL_DATA).u32(channel).string(Buffer.alloc(32_768)).done();
    for (let sent = 0; sent < CHANNEL_WINDOW; sent += 32_768) peer.transport.send(packet);
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
    const { server, peer, connection } = await fixture();
    for (const type of [
      "session",
      "direct-tcpip",
      "x11",
      "tun@openssh.com",
      "direct-streamlocal@openssh.com",
    ]) {
      peer.transport.send(open(32_768, type));
      const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
      assert.deepEqual([failure.u32(), failure.u32()], [0, 3], type);
    }
    connection.onSession(() => assert.fail("no session may be opened"));
    peer.send(message(MSG.GLOBAL_REQUEST).string("no-more-sessions@openssh.com").u8(1));
    await peer.next(MSG.REQUEST_SUCCESS);
    peer.transport.send(open(32_768, "session"));
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
    const { server, peer, connection } = await fixture();
    connection.onDirectTcpip(() => assert.fail("not a port"));
    for (const port of [0, 65_536, 0xffff_ffff]) {
      const payload = message(MSG.CHANNEL_OPEN).string("direct-tcpip").u32(0).u32(1000).u32(32_768);
      peer.send(payload.string("web-1.prod").u32(port).string("127.0.0.1").u32(1));
      await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    }
    await server.close();
  });
});

describe("createSshServer, ends", () => {
  it("cuts every channel before end() returns, and says why on the wire", async () => {
    const { server, peer, connection, held } = await fixture();
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
    const { server, peer } = await fixture({
      connected(connection) {
        connection.onChannel("cut", (channel) => {
          opened.push(channel.type);
          connection.end();
        });
      },
    });
    for (let i = 0; i < 5; i += 1) peer.transport.send(open(32_768, "cut", i));
    await peer.closed;
    assert.deepEqual(opened, ["cut"]);
    await server.close();
  });
  it("is gone within 50 ms for a peer that does not read", async () => {
    const { server, peer, connection } = await fixture();
    peer.transport.socket.pause();
    connection.end("bye");
    await new Promise((resolve) => setTimeout(resolve, 70));
    assert.equal(server.connections(), 0);
    await server.close();
  });
  it("gives a closed channel to whoever accepts too late", async () => {
    const requests: (() => SshChannel)[] = [];
    const { server, peer } = await fixture({
      connected(connection) {
        connection.onChannel("late", (channel) => requests.push(() => channel.accept()));
      },
    });
    peer.transport.send(open(32_768, "late"));
    await settled(peer);
    peer.transport.destroy();
    while (server.connections() > 0) await new Promise(setImmediate);
    const channel = requests[0]?.();
    assert.equal(channel?.destroyed, true);
    await server.close();
  });
  it("rejects opens that a dying connection leaves unanswered", async () => {
    const { server, peer, connection } = await fixture();
    const opened = connection.openChannel("to-you", Buffer.alloc(0));
    await peer.next(MSG.CHANNEL_OPEN);
    peer.transport.destroy();
    await assert.rejects(opened, { code: "SSH_CONNECTION_CLOSED" });
    await assert.rejects(connection.openChannel("again", Buffer.alloc(0)), { code: "SSH_CONNECTION_CLOSED" });
    await server.close();
  });
  it("gives up on an open that is never answered, and closes it if the answer comes late", async () => {
    const { server, peer, connection } = await fixture();
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
    const { server, peer, connection } = await fixture();
    const opened = connection.openChannel("to-you", Buffer.alloc(0));
    const request = await peer.next(MSG.CHANNEL_OPEN);
    request.text();
    peer.send(message(MSG.CHANNEL_OPEN_FAILURE).u32(request.u32()).u32(1).string("not yours").string(""));
    await assert.rejects(opened, { code: "SSH_CHANNEL_REFUSED", reason: "prohibited" });
    await server.close();
  });
  it("cuts a hung peer by keep-alive, and asks a live one", async () => {
    const { server, clock, connection, peer } = await fixture({
      keepalive: { lookEveryMs: 1000, idleLooks: 1, unanswered: 2 },
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
    const { server, refused } = await fixture({ limits: { unauthenticatedPerAddress: 2 } });
    const waiting = [rawClient(server, "192.0.2.9"), rawClient(server, "192.0.2.9")];
    await Promise.all(waiting.map((peer) => peer.secured));
    await rawClient(server, "192.0.2.9").closed;
    assert.equal(refused.at(-1)?.reason, "too-many-from-address");
    await server.close();
  });
});

describe("connectSsh", () => {
  const trust = { hostKeyPins: [publicKeyOf(hostKey)] };
  const base = { host: "127.0.0.1", user: "alice", identity: alice, timeoutMs: 5000, ...trust };
  async function listening(
    options: Partial<SshServerOptions<string>> = {},
  ): Promise<{ server: SshServer; port: number }> {
    const server = createSshServer<string>({
      hostKeys: () => hostKeys,
      authenticate: () => ({ accept: true, identity: "alice" }),
      connected: () => undefined,
      ...options,
    });
    return { server, port: await server.listen(0, "127.0.0.1") };
  }

  it("connectSsh tells an unreachable host, a wrong host key, a refusal and silence apart", async () => {
    const { server, port } = await listening({ authenticate: () => ({ accept: false }) });
    await assert.rejects(connectSsh({ ...base, port }), { code: "SSH_AUTH_REFUSED" });
    const wrong = { hostKeyPins: [publicKeyOf(generatePrivateKey("Ed25519"))] };
    await assert.rejects(connectSsh({ ...base, ...wrong, port }), { code: "SSH_HOST_KEY_MISMATCH" });
    await assert.rejects(connectSsh({ ...base, hostKeyPins: [], port }), { code: "SSH_BAD_OPTION" });
    await server.close();
    await assert.rejects(connectSsh({ ...base, port }), { code: "SSH_UNREACHABLE" });
    const silent = await listening({ authenticate: () => new Promise(() => undefined) });
    await assert.rejects(connectSsh({ ...base, port: silent.port, timeoutMs: 200 }), { code: "SSH_TIMEOUT" });
    await silent.server.close();
  });
  it("connectSsh presents one certificate after the other", async () => {
    const other = testIdentity(authority, { keyId: "bob" });
    const seen: string[] = [];
    const { server, port } = await listening({
      authenticate({ key }) {
        const id = key?.kind === "certificate" ? key.certificate.keyId : "";
        seen.push(id);
        return id === "bob" ? { accept: true, identity: id } : { accept: false };
      },
    });
    const refusing = { certificate: alice.certificate, sign: () => Promise.reject(new Error("locked")) };
    const client = await connectSsh({ ...base, port, identity: [alice, refusing, other] });
    assert.deepEqual(seen, ["alice", "bob"]);
    client.end();
    await server.close();
  });
  it("connectSsh loses no channel that the server opens at once", async () => {
    const { server, port } = await listening({
      connected(connection) {
        connection.openChannel("control", Buffer.from("hello")).then(
          (channel) => channel.end("first words"),
          () => undefined,
        );
      },
    });
    const client = await connectSsh({ ...base, port });
    const words = new Promise<string>((resolve) => {
      client.onChannel("control", (channel) => {
        assert.equal(channel.payload.toString(), "hello");
        channel.accept().once("data", (data: Buffer) => {
          resolve(data.toString());
        });
      });
    });
    assert.equal(await words, "first words");
    client.end();
    await server.close();
  });
  it("connectSsh names the algorithms and survives a re-key by either side", async () => {
    const [hostAuthority, name] = [testAuthority(), "proxy.test"];
    const now = Date.now();
    const validity = { validAfter: new Date(now - 1000), validBefore: new Date(now + 60_000) };
    const host = testIdentity(hostAuthority, { type: "host", principals: [name], ...validity });
    const keys = [host];
    const connections: SshConnection<string>[] = [];
    const { server, port } = await listening({
      hostKeys: () => keys,
      chacha20: true,
      connected(connection) {
        connections.push(connection);
        connection.onChannel("echo", (channel) => {
          const stream = channel.accept();
          stream.pipe(stream);
        });
      },
    });
    const { hostKeyPins: _, ...rest } = base;
    const client = await connectSsh({
      ...rest,
      port,
      hostAuthorities: [hostAuthority.publicKey],
      hostname: name,
    });
    assert.deepEqual(client.algorithms, {
      keyExchange: "mlkem768x25519-sha256",
      hostKey: "ssh-ed25519-cert-v01@openssh.com",
      cipher: "aes128-gcm@openssh.com",
    });
    const echo = await client.openChannel("echo", Buffer.alloc(0));
    for (const side of [client, ...connections]) {
      side.rekey();
      const answer = new Promise((resolve) => echo.once("data", resolve));
      echo.write("still here");
      assert.equal(String(await answer), "still here");
    }
    client.end();
    await server.close();
  });
});

describe("limits", () => {
  it("USER_LIMITS are those of the design", () => {
    assert.deepEqual(
      [
        USER_LIMITS.loginGraceMs,
        USER_LIMITS.tries,
        USER_LIMITS.unauthenticatedPerAddress,
        USER_LIMITS.unauthenticated,
      ],
      [30_000, 6, 10, 500],
    );
    assert.equal(USER_LIMITS.channelsPerConnection, 256);
  });
});
