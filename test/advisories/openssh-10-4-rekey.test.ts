/**
 * OpenSSH 10.4 fixed messages that were kept without end while keys were exchanged anew. Here a message
 * that has no place in a key exchange ends the connection, and what we hold back ourselves is counted.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startSsh2 } from "@teleport-access/ssh";
import { MAX_HELD_PACKETS } from "../../packages/ssh/src/limits.ts";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { flood, peerFixture, settled } from "../../packages/ssh/src/testing/peer-fixture.ts";
import { message } from "../../packages/ssh/src/testing/raw-peer.ts";
import { kexinit } from "./plain-peer.ts";

before(async () => {
  await startSsh2();
});

const PING = message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1).done();

for (const [what, payload] of [
  ["a request", PING],
  ["an ignored message, with strict key exchange", message(MSG.IGNORE).string("x").done()],
] as const)
  test(`${what} after the peer's own KEXINIT ends the connection`, async () => {
    const { server, peer, connection } = await peerFixture();
    const over = Promise.withResolvers<string>();
    connection.onClose((error) => {
      over.resolve(error?.message ?? "");
    });
    peer.transport.send(kexinit({ kex: "curve25519-sha256" }));
    peer.transport.send(payload);
    assert.match(await over.promise, /unexpected packet type/);
    await server.close();
  });

test("a peer that asks and asks while it leaves our key exchange unanswered is cut", async () => {
  const { server, peer, connection } = await peerFixture();
  await settled(peer);
  const over = Promise.withResolvers<string>();
  connection.onClose((error) => {
    over.resolve(error?.message ?? "");
  });
  // It hears nothing, so it does not answer our KEXINIT.
  peer.transport.wire.pause();
  connection.rekey();
  await flood(peer, PING, 2 * MAX_HELD_PACKETS);
  assert.match(await over.promise, /does not read/);
  await server.close();
});
