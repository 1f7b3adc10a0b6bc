import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { before, describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";
import { generatePrivateKey } from "@teleport-access/sshcert";

import { LINE_BURST_SECONDS, SEAT_MS } from "./limits.ts";
import type { SshServerLimits } from "./limits.ts";
import { createSshServer } from "./server.ts";
import type { SshServer } from "./server.ts";
import { startSsh2 } from "./startup.ts";
import { NOW } from "./testing/certified.ts";
import { alice } from "./testing/peer-fixture.ts";
import { rawClient } from "./testing/raw-peer.ts";

const hostKeys = [{ privateKey: generatePrivateKey("Ed25519") }];

function createBusyServer(limits: Partial<SshServerLimits> = {}): {
  readonly server: SshServer;
  readonly clock: ManualClock;
} {
  const clock = new ManualClock(NOW);
  const server = createSshServer<string>({
    hostKeys: () => hostKeys,
    clock,
    limits: { handshakesAtOnce: 1, ...limits },
    authenticate: () => ({ accept: true, identity: "alice" }),
    connected: () => undefined,
  });
  return { server, clock };
}

describe("createSshServer, with more arrivals than seats", () => {
  before(async () => {
    await startSsh2();
  });

  it("serves the next when one is authenticated", async () => {
    const { server } = createBusyServer();
    const [first, second] = [rawClient(server), rawClient(server)];
    await first.authenticate("alice", alice);
    await second.authenticate("alice", alice);
    assert.equal(server.unauthenticated(), 0);
    await server.close();
  });

  it("says nothing to who waits, and serves it when a silent peer's turn is over", async () => {
    const { server, clock } = createBusyServer();
    const [near, far] = duplexPair();
    server.inject(far, { remoteAddress: "192.0.2.9", remotePort: 1 });
    const waiting = rawClient(server);
    await new Promise(setImmediate);
    assert.equal(waiting.transport.bytesReceived, 0);
    clock.advance(SEAT_MS);
    await waiting.authenticate("alice", alice);
    near.destroy();
    await server.close();
  });

  it("lets everybody in who proves who they are, however low the rate, and sends nobody away for coming at once", async () => {
    const { server } = createBusyServer({ handshakesPerSecond: 1 });
    const crowd = Array.from({ length: 2 * LINE_BURST_SECONDS }, (_, i) => rawClient(server, `192.0.2.${i}`));
    await Promise.all(crowd.map((peer) => peer.authenticate("alice", alice)));
    assert.equal(server.connections(), crowd.length);
    assert.equal(server.unauthenticated(), 0);
    await server.close();
  });

  it("turns those in line away when it closes", async () => {
    const { server } = createBusyServer();
    const [, far] = duplexPair();
    server.inject(far, { remoteAddress: "192.0.2.9", remotePort: 1 });
    const waiting = rawClient(server);
    await server.close();
    await waiting.closed;
    assert.equal(waiting.transport.bytesReceived, 0);
  });

  it("gives the turn of a peer that leaves to the next", async () => {
    const { server } = createBusyServer();
    const [near, far] = duplexPair();
    server.inject(far, { remoteAddress: "192.0.2.9", remotePort: 1 });
    const waiting = rawClient(server);
    near.end();
    far.destroy();
    await waiting.authenticate("alice", alice);
    assert.equal(server.connections(), 1);
    await server.close();
  });
});
