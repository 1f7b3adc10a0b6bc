/** For this package's tests: a server with one authenticated peer that may say anything. */
import assert from "node:assert/strict";

import { ManualClock } from "@teleport-access/daemon";
import { generatePrivateKey } from "@teleport-access/sshcert";

import type { SshChannel } from "../channel-stream.ts";
import { MSG } from "../messages.ts";
import { createSshServer } from "../server.ts";
import type { SshConnection, SshServer, SshServerOptions } from "../server.ts";
import type { RefusedPeer } from "../server-peers.ts";
import { NOW, testAuthority, testIdentity } from "./certified.ts";
import type { TestIdentity } from "./certified.ts";
import { message, rawClient } from "./raw-peer.ts";
import type { RawPeer } from "./raw-peer.ts";

export const alice: TestIdentity = testIdentity(testAuthority());
const hostKeys = [{ privateKey: generatePrivateKey("Ed25519") }];

export interface PeerFixture {
  readonly server: SshServer;
  readonly clock: ManualClock;
  readonly peer: RawPeer;
  readonly connection: SshConnection<string>;
  /** Channels of type "hold" that the server accepted and does nothing with. */
  readonly held: SshChannel[];
  readonly refused: RefusedPeer[];
}

/** Channels of type "hold" are accepted, those of type "never" are never answered. */
export async function peerFixture(options: Partial<SshServerOptions<string>> = {}): Promise<PeerFixture> {
  const clock = new ManualClock(NOW);
  const [held, connections, refused] = [
    [] as SshChannel[],
    [] as SshConnection<string>[],
    [] as RefusedPeer[],
  ];
  const server = createSshServer<string>({
    hostKeys: () => hostKeys,
    clock,
    authenticate: () => ({ accept: true, identity: "alice" }),
    refused: (peer) => refused.push(peer),
    ...options,
    // Tests ask for channels by the thousand.
    limits: { channelOpens: { burst: 1e6, perSecond: 1e6 }, ...options.limits },
    connected(connection) {
      connections.push(connection);
      connection.onChannel("hold", (channel) => held.push(channel.accept()));
      connection.onChannel("never", () => undefined);
      options.connected?.(connection);
    },
  });
  const peer = rawClient(server);
  await peer.authenticate("alice", alice);
  const [connection] = connections;
  assert.ok(connection);
  return { server, clock, peer, connection, held, refused };
}

/** CHANNEL_OPEN with a window of 1000 bytes. */
export function openMessage(packetSize: number, type = "hold", sender = 0): Buffer {
  return message(MSG.CHANNEL_OPEN).string(type).u32(sender).u32(1000).u32(packetSize).done();
}

/** Asks for a channel of each type, and expects to hear that nobody offers such. */
export async function expectUnknown(peer: RawPeer, types: readonly string[]): Promise<void> {
  for (const type of types) {
    peer.transport.send(openMessage(32_768, type));
    const failure = await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    assert.deepEqual([failure.u32(), failure.u32()], [0, 3], type);
  }
}

/** A round trip: everything sent before has been handled. */
export async function settled(peer: RawPeer): Promise<void> {
  peer.send(message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1));
  await peer.next(MSG.REQUEST_FAILURE);
}

/** Sends a message again and again, giving the other side a turn now and then. Stops when the connection does. */
export async function flood(peer: RawPeer, payload: Buffer, times: number): Promise<void> {
  let since = 0;
  for (let i = 0; i < times && !peer.transport.finished; i += 1) {
    peer.transport.send(payload);
    since += payload.length;
    if (since < 200_000) continue;
    since = 0;
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  }
}
