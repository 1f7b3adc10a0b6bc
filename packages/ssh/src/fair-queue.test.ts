import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { SshReader } from "@teleport-access/sshcert";

import { SOCKET_HIGH_BYTES, TURN_BYTES } from "./limits.ts";
import { MSG } from "./messages.ts";
import { startSsh2 } from "./startup.ts";
import { peerFixture } from "./testing/peer-fixture.ts";
import type { PeerFixture } from "./testing/peer-fixture.ts";

const WINDOW = 16 * 1024 * 1024;

/** The channel and length of each CHANNEL_DATA that came. */
function dataOf({ peer }: PeerFixture): { channel: number; bytes: number }[] {
  return peer.received
    .filter((payload) => payload[0] === MSG.CHANNEL_DATA)
    .map((payload) => {
      const reader = new SshReader(payload.subarray(1));
      return { channel: reader.u32(), bytes: reader.string(40_000).length };
    });
}

/** Waits for a condition. @throws when the connection ends first. */
async function until({ peer }: PeerFixture, condition: () => boolean): Promise<void> {
  while (!condition()) {
    if (peer.transport.finished) throw new Error("the connection ended");
    await new Promise(setImmediate);
  }
}

/** A server whose peer has `count` channels open and has stopped reading. */
async function stalledFixture(count: number): Promise<PeerFixture> {
  const fixture = await peerFixture();
  const { peer } = fixture;
  peer.transport.receiveLimit = Infinity;
  for (let i = 0; i < count; i += 1) await peer.open("hold", 32_768, WINDOW, i);
  peer.transport.wire.pause();
  return fixture;
}

describe("ConnectionLayer, queues", () => {
  before(async () => {
    await startSsh2();
  });

  it("sends keystrokes before twenty copies that wait for the same socket", async () => {
    const fixture = await stalledFixture(21);
    const { peer, held, server } = fixture;
    for (const channel of held.slice(0, 20)) channel.write(Buffer.alloc(1_000_000));
    held[20]?.write("k");
    peer.transport.wire.resume();
    await until(fixture, () => dataOf(fixture).some(({ channel }) => channel === 20));
    const data = dataOf(fixture);
    const before = data.slice(
      0,
      data.findIndex(({ channel }) => channel === 20),
    );
    const bytes = before.reduce((sum, one) => sum + one.bytes, 0);
    assert.ok(bytes <= SOCKET_HIGH_BYTES + 2 * TURN_BYTES, `${bytes} bytes came first`);
    await server.close();
  });

  it("gives each copy its turn", async () => {
    const fixture = await stalledFixture(4);
    const { peer, held, server } = fixture;
    for (const channel of held) channel.write(Buffer.alloc(2_000_000));
    peer.transport.wire.resume();
    function sent(): number[] {
      return [0, 1, 2, 3].map((id) =>
        dataOf(fixture)
          .filter(({ channel }) => channel === id)
          .reduce((sum, { bytes }) => sum + bytes, 0),
      );
    }
    await until(fixture, () => Math.max(...sent()) >= 1_000_000);
    assert.ok(Math.min(...sent()) >= 500_000, String(sent()));
    await server.close();
  });
});
