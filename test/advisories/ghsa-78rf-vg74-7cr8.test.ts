/**
 * Warpgate GHSA-78rf-vg74-7cr8: one slow client kept the server from accepting others. Here each connection
 * waits for itself alone, at the banner as at the key exchange: others come in meanwhile, the slow ones
 * have a number per address, and all of them an end. (TLS, HTTP and WebSocket are the web port's tests.)
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startSsh2, USER_LIMITS } from "@teleport-access/ssh";
import { alice, authFixture } from "../../packages/ssh/src/testing/auth-fixture.ts";
import { rawClient } from "../../packages/ssh/src/testing/raw-peer.ts";
import { kexinit, plainPeer } from "./plain-peer.ts";

before(async () => {
  await startSsh2();
});

for (const [where, start] of [
  ["in the middle of the banner", (server) => plainPeer(server, "SSH-2.0-slo")],
  [
    "in the middle of the key exchange",
    (server) => {
      const peer = plainPeer(server);
      peer.send(kexinit());
      return peer;
    },
  ],
] as readonly [string, typeof plainPeer][])
  test(`clients that stop ${where} keep nobody out, and are gone in time`, async () => {
    const world = authFixture();
    const slow = Array.from({ length: USER_LIMITS.unauthenticatedPerAddress }, () => start(world.server));
    start(world.server);
    assert.equal(world.refused[0]?.reason, "too-many-from-address");
    const victim = rawClient(world.server, "192.0.2.2");
    await victim.authenticate("alice", alice);
    world.clock.advance(USER_LIMITS.loginGraceMs);
    // Streams close a turn after they are destroyed.
    await new Promise(setImmediate);
    assert.deepEqual([world.server.unauthenticated(), world.server.connections()], [0, 1]);
    assert.equal(world.refused.filter(({ reason }) => reason === "login-grace").length, slow.length);
    await world.server.close();
  });
