/** Automatic re-keying of whole connections, and peers that leave one unfinished. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { KEY_EXCHANGE_MS } from "./limits.ts";
import { MSG } from "./messages.ts";
import type { RekeyPolicy } from "./rekey.ts";
import { startSsh2 } from "./startup.ts";
import { peerFixture, settled } from "./testing/peer-fixture.ts";
import type { PeerFixture } from "./testing/peer-fixture.ts";
import { message } from "./testing/raw-peer.ts";

const NEVER: RekeyPolicy = { everyMs: 1e9, bytes: 1e12, packets: 1e9, checkEveryMs: 1000 };

async function exchanged({ peer }: PeerFixture, times: number): Promise<void> {
  for (let turn = 0; turn < 200 && peer.transport.exchanges < times; turn += 1)
    await new Promise(setImmediate);
  assert.equal(peer.transport.exchanges, times);
}

describe("a server's connection", () => {
  before(async () => {
    await startSsh2();
  });
  for (const [by, policy] of [
    ["bytes", { ...NEVER, bytes: 20_000 }],
    ["packets", { ...NEVER, packets: 50 }],
    ["time", { ...NEVER, everyMs: 1000 }],
  ] as const)
    it(`exchanges keys by itself, by ${by}, and goes on`, async () => {
      const fixture = await peerFixture({ rekey: policy });
      const { server, peer, clock } = fixture;
      for (let i = 0; i < 60; i += 1) peer.send(message(MSG.IGNORE).string(Buffer.alloc(1000)));
      await settled(peer);
      clock.advance(policy.checkEveryMs);
      await exchanged(fixture, 2);
      await settled(peer);
      await server.close();
    });
  it("is cut when its peer leaves a key exchange unfinished", async () => {
    const { server, peer, clock, connection } = await peerFixture({ rekey: { ...NEVER, everyMs: 1000 } });
    const over = Promise.withResolvers<string | undefined>();
    connection.onClose((error) => {
      over.resolve(error?.code);
    });
    peer.transport.wire.pause();
    clock.advance(1000);
    for (let at = 0; at <= KEY_EXCHANGE_MS + 1000; at += 1000) clock.advance(1000);
    assert.equal(await over.promise, "SSH_TIMEOUT");
    await server.close();
  });
});
