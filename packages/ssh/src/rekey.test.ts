import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";

import { KEY_EXCHANGE_MS } from "./limits.ts";
import { REKEY, startRekey } from "./rekey.ts";
import type { RekeyPolicy } from "./rekey.ts";
import type { Transport } from "./transport.ts";

/** What startRekey looks at of a transport. */
interface Fake {
  bytesReceived: number;
  bytesSent: number;
  packetNumbers: [number, number];
  exchanges: number;
  exchanging: boolean;
  rekeys: number;
  destroyed: boolean;
}

function start({ policy = REKEY, random = 0 }: { policy?: RekeyPolicy; random?: number } = {}): {
  fake: Fake;
  clock: ManualClock;
  stop: () => void;
} {
  const clock = new ManualClock();
  const fake = {
    bytesReceived: 0,
    bytesSent: 0,
    packetNumbers: [0, 0] as [number, number],
    exchanges: 1,
    exchanging: false,
    rekeys: 0,
    destroyed: false,
    rekey() {
      this.rekeys += 1;
      this.exchanging = true;
    },
    destroy() {
      this.destroyed = true;
    },
  };
  const stop = startRekey(fake as unknown as Transport, { clock, policy, random: () => random });
  return { fake, clock, stop };
}
function finish(fake: Fake): void {
  fake.exchanging = false;
  fake.exchanges += 1;
}

describe("startRekey", () => {
  it("startRekey leaves a young and quiet connection alone", () => {
    const { fake, clock } = start();
    clock.advance(REKEY.everyMs - REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 0);
  });
  it("startRekey exchanges keys by time, once per hour", () => {
    const { fake, clock } = start();
    clock.advance(REKEY.everyMs);
    assert.equal(fake.rekeys, 1);
    finish(fake);
    clock.advance(REKEY.everyMs - REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 1);
    clock.advance(2 * REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 2);
  });
  it("startRekey exchanges keys up to a quarter of the time earlier, so that a crowd does not do it together", () => {
    const { fake, clock } = start({ random: 1 });
    clock.advance(REKEY.everyMs * 0.75 - REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 0);
    clock.advance(REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 1);
  });
  it("startRekey exchanges keys by bytes of both directions together", () => {
    const { fake, clock } = start();
    fake.bytesReceived = REKEY.bytes / 2;
    fake.bytesSent = REKEY.bytes / 2 - 1;
    clock.advance(REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 0);
    fake.bytesSent += 1;
    clock.advance(REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 1);
  });
  it("startRekey exchanges keys by packets, also when the numbers never start anew", () => {
    const { fake, clock } = start();
    fake.packetNumbers = [0, REKEY.packets];
    clock.advance(REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 1);
    finish(fake);
    clock.advance(REKEY.checkEveryMs);
    assert.equal(fake.rekeys, 1, "without strict key exchange the numbers go on counting");
  });
  it("startRekey cuts a peer that leaves a key exchange unfinished", () => {
    const { fake, clock } = start();
    fake.exchanging = true;
    clock.advance(KEY_EXCHANGE_MS);
    assert.equal(fake.destroyed, false);
    clock.advance(REKEY.checkEveryMs);
    assert.equal(fake.destroyed, true);
  });
  it("startRekey stops when told", () => {
    const { clock, stop } = start();
    stop();
    assert.equal(clock.timers, 0);
  });
});
