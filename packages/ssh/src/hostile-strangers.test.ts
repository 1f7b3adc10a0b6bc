/** Peers that never authenticate: what they may send, how fast they are answered, what they cost. */
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { before, describe, it } from "node:test";

import { generatePrivateKey, issueCertificate, publicKeyOf, SshWriter } from "@teleport-access/sshcert";

import {
  EXCHANGES,
  MAX_IDENT_BYTES,
  MAX_UNAUTHENTICATED_BYTES,
  MIN_REFUSAL_MS,
  STRANGER_STAYS_MS,
} from "./limits.ts";
import { MSG } from "./messages.ts";
import { startSsh2 } from "./startup.ts";
import { aliceBody, authFixture, mallory, readyPeer } from "./testing/auth-fixture.ts";
import type { AuthFixture } from "./testing/auth-fixture.ts";
import { NOW } from "./testing/certified.ts";
import { flood, peerFixture, settled } from "./testing/peer-fixture.ts";
import { message } from "./testing/raw-peer.ts";

/** A stranger's end of a connection that has said nothing yet. */
function stranger(world: AuthFixture): Duplex {
  const [near, far] = duplexPair();
  world.server.inject(far, { remoteAddress: "192.0.2.1", remotePort: 0 });
  near.resume();
  return near;
}

/** Streams in memory take a few turns of the event loop, whatever they carry. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}

describe("createSshServer, strangers", () => {
  before(async () => {
    await startSsh2();
  });

  it("cuts whoever sends more than an identification string may have, in whatever pieces", async () => {
    const world = authFixture();
    const socket = stranger(world);
    for (let i = 0; i < MAX_IDENT_BYTES; i += 1) socket.write("S");
    await turns();
    assert.equal(world.refused.length, 0);
    socket.write("S");
    await turns();
    assert.equal(world.refused[0]?.detail, "no identification string");
    await world.server.close();
  });

  it("cuts whoever sends more than anybody needs to authenticate", async () => {
    const world = authFixture();
    const peer = await readyPeer(world);
    await flood(peer, message(MSG.IGNORE).string("x").done(), 100_000);
    await peer.closed;
    assert.ok(peer.transport.bytesSent < 2 * MAX_UNAUTHENTICATED_BYTES);
    assert.equal(world.refused[0]?.detail, "too much before authentication");
    await world.server.close();
  });

  it("ends the oldest stranger's connection for somebody who comes, and says so", async () => {
    const world = authFixture({ limits: { unauthenticated: 1 } });
    const idle = stranger(world);
    idle.resume();
    world.clock.advance(STRANGER_STAYS_MS);
    await readyPeer(world);
    assert.deepEqual(
      [idle.readableEnded || idle.destroyed, world.refused.map(({ reason }) => reason)],
      [true, ["too-many-unauthenticated"]],
    );
    await world.server.close();
  });

  it("takes any amount from whoever is authenticated", async () => {
    const { server, peer } = await peerFixture();
    await flood(peer, message(MSG.IGNORE).string(Buffer.alloc(32_000)).done(), 100);
    await settled(peer);
    await server.close();
  });

  it("answers no refusal faster than others", async () => {
    const world = authFixture();
    const peer = await readyPeer(world);
    const refused = [
      new SshWriter().raw(aliceBody(mallory, false)),
      message(MSG.USERAUTH_REQUEST).string("alice").string("ssh-connection").string("password"),
      new SshWriter().raw(aliceBody()).string("no signature"),
    ];
    for (const request of refused) {
      const asked = performance.now();
      peer.send(request);
      await peer.next(MSG.USERAUTH_FAILURE);
      assert.ok(performance.now() - asked >= MIN_REFUSAL_MS - 1);
    }
    await world.server.close();
  });

  it("survives host keys that cannot be offered, and says so", async () => {
    const privateKey = generatePrivateKey("Ed25519");
    const certificate = issueCertificate(privateKey, {
      type: "host",
      publicKey: publicKeyOf(generatePrivateKey("Ed25519")),
      keyId: "proxy",
      principals: ["proxy"],
      validAfter: new Date(NOW),
      validBefore: new Date(NOW + 1000),
    });
    const keys = [{ privateKey, certificate }];
    const world = authFixture({ hostKeys: () => keys });
    stranger(world);
    await turns();
    assert.equal(world.refused[0]?.reason, "no-host-key");
    assert.match(world.refused[0].detail ?? "", /of another key/);
    assert.equal(world.server.connections(), 0);
    await world.server.close();
  });
});

describe("createSshServer, a peer that exchanges keys again and again", () => {
  before(async () => {
    await startSsh2();
  });
  it("is heard less often, and loses nothing", async () => {
    const { server, peer } = await peerFixture();
    async function exchange(): Promise<void> {
      const { exchanges } = peer.transport;
      peer.transport.rekey();
      while (peer.transport.exchanges === exchanges) await new Promise(setImmediate);
    }
    const started = performance.now();
    const asked = EXCHANGES.burst + 6;
    for (let i = 0; i < asked; i += 1) await exchange();
    await settled(peer);
    const allowed = EXCHANGES.burst + ((performance.now() - started) * EXCHANGES.perSecond) / 1000;
    assert.ok(asked <= allowed + 1, `${asked} exchanges where ${allowed} are allowed`);
    await server.close();
  });
});
