import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";

import { addressKey, AdmissionDesk } from "./admission.ts";
import type { Admission, Place } from "./admission.ts";
import { MAX_RATED_ADDRESSES, STRANGER_STAYS_MS, USER_LIMITS } from "./limits.ts";
import type { SshServerLimits } from "./limits.ts";

function desk(limits: Partial<SshServerLimits>, clock: ManualClock = new ManualClock()): AdmissionDesk {
  return new AdmissionDesk({ ...USER_LIMITS, ...limits }, clock);
}
function nothing(): void {
  // Nobody is sent away here.
}
function admit(from: AdmissionDesk, address: string): Place {
  const admission = from.admit(address, nothing);
  assert.ok(admission.admitted);
  return admission.place;
}

describe("addressKey", () => {
  const rows: readonly { address: string; want: string; why: string }[] = [
    { address: "192.0.2.7", want: "192.0.2.7", why: "an IPv4 address is one customer" },
    { address: "::ffff:192.0.2.7", want: "192.0.2.7", why: "the same one over a dual-stack socket" },
    { address: "2001:db8:1:2:3:4:5:6", want: "2001:db8:1:2::/64", why: "a /64 is one customer" },
    { address: "2001:db8:1:2::9", want: "2001:db8:1:2::/64", why: "the same /64, abbreviated" },
    { address: "2001:db8::1", want: "2001:db8:0:0::/64", why: "zeros in the middle count" },
    { address: "::1", want: "0:0:0:0::/64", why: "loopback" },
    { address: "fe80::1%eth0", want: "fe80:0:0:0::/64", why: "the zone is not part of the address" },
    { address: "", want: "", why: "a stream in memory has no address" },
  ];
  for (const { address, want, why } of rows) {
    it(`addressKey takes ${JSON.stringify(address)} for ${want}`, () => {
      assert.equal(addressKey(address), want, why);
    });
  }
});

describe("AdmissionDesk", () => {
  it("AdmissionDesk bounds unauthenticated connections per address, not per connection for ever", () => {
    const d = desk({ unauthenticatedPerAddress: 2 });
    const first = admit(d, "192.0.2.1");
    admit(d, "192.0.2.1");
    assert.deepEqual(d.admit("192.0.2.1", nothing), { admitted: false, reason: "too-many-from-address" });
    admit(d, "192.0.2.2");
    first.authenticated();
    admit(d, "192.0.2.1");
    assert.equal(d.connections, 4);
    assert.equal(d.unauthenticated, 3);
  });
  it("AdmissionDesk counts a closed connection once, whatever it was", () => {
    const d = desk({ unauthenticatedPerAddress: 1 });
    for (let i = 0; i < 3; i += 1) {
      const place = admit(d, "192.0.2.1");
      place.authenticated();
      place.closed();
      place.closed();
      place.authenticated();
    }
    assert.equal(d.connections, 0);
    assert.equal(d.unauthenticated, 0);
  });
  it("AdmissionDesk counts whoever is asked for a code apart from strangers, up to a bound of its own", () => {
    const d = desk({ unauthenticatedPerAddress: 2, challengedPerAddress: 3, challenged: 4 });
    const typing = [1, 2, 3].map(() => {
      const place = admit(d, "192.0.2.1");
      place.challenged();
      place.challenged();
      return place;
    });
    const fourth = admit(d, "192.0.2.1");
    fourth.challenged();
    admit(d, "192.0.2.1");
    assert.deepEqual(
      d.admit("192.0.2.1", nothing),
      { admitted: false, reason: "too-many-from-address" },
      "the fourth went on counting as a stranger",
    );
    assert.equal(d.unauthenticated, 5);
    for (const place of typing) place.authenticated();
    assert.equal(d.unauthenticated, 2);
    fourth.challenged();
    fourth.closed();
    assert.deepEqual([d.unauthenticated, d.connections], [1, 4]);
    admit(d, "192.0.2.1");
  });
  it("AdmissionDesk bounds all who are asked for a code", () => {
    const d = desk({ unauthenticated: 1, challenged: 1 });
    admit(d, "192.0.2.1").challenged();
    admit(d, "192.0.2.2").challenged();
    assert.deepEqual(d.admit("192.0.2.3", nothing), { admitted: false, reason: "too-many-unauthenticated" });
  });
  it("AdmissionDesk bounds all unauthenticated and all connections", () => {
    const few = desk({ unauthenticated: 2 });
    admit(few, "192.0.2.1");
    admit(few, "192.0.2.2");
    assert.deepEqual(few.admit("192.0.2.3", nothing), {
      admitted: false,
      reason: "too-many-unauthenticated",
    });
    const full = desk({ connections: 1 });
    admit(full, "192.0.2.1").authenticated();
    assert.deepEqual(full.admit("192.0.2.2", nothing), { admitted: false, reason: "too-many-connections" });
  });
  it("AdmissionDesk bounds handshakes per second and lets in again as time passes", () => {
    const clock = new ManualClock();
    const d = desk({ handshakesPerSecond: 2 }, clock);
    for (const address of ["192.0.2.1", "192.0.2.2"]) admit(d, address).authenticated();
    assert.deepEqual(d.admit("192.0.2.3", nothing), { admitted: false, reason: "handshake-rate" });
    clock.advance(499);
    assert.equal(d.admit("192.0.2.3", nothing).admitted, false);
    clock.advance(1);
    admit(d, "192.0.2.3");
    clock.advance(3_600_000);
    admit(d, "192.0.2.4");
    admit(d, "192.0.2.5");
    assert.equal(
      d.admit("192.0.2.6", nothing).admitted,
      false,
      "an idle hour does not save up more than a second's worth",
    );
  });
  it("AdmissionDesk keeps half of the handshakes for others, however fast one address comes back", () => {
    const clock = new ManualClock();
    const d = desk({ handshakesPerSecond: 20 }, clock);
    for (let second = 0; second < 5; second += 1) {
      let admitted = 0;
      for (let i = 0; i < 100; i += 1) {
        const admission = d.admit("192.0.2.1", nothing);
        if (!admission.admitted) continue;
        admitted += 1;
        admission.place.closed();
      }
      assert.equal(admitted, 10);
      for (let i = 0; i < 10; i += 1) admit(d, `198.51.100.${second * 10 + i}`).closed();
      clock.advance(1000);
    }
  });
  it("AdmissionDesk keeps handshakes for who comes seldom, however many come all the time", () => {
    const clock = new ManualClock();
    const d = desk({ handshakesPerSecond: 20 }, clock);
    function flood(): number {
      let admitted = 0;
      for (let i = 0; i < 200; i += 1) {
        const admission = d.admit(`198.51.100.${i % 50}`, nothing);
        if (!admission.admitted) continue;
        admitted += 1;
        admission.place.closed();
      }
      return admitted;
    }
    for (let second = 0; second < 60; second += 1) {
      flood();
      clock.advance(1000);
    }
    for (let second = 0; second < 60; second += 1) {
      assert.ok(flood() > 0, "they are not shut out either");
      for (let i = 0; i < 2; i += 1) admit(d, `192.0.2.${second * 2 + i}`).closed();
      clock.advance(1000);
    }
  });
  it("AdmissionDesk lets one who comes all the time use everything that nobody else needs", () => {
    const clock = new ManualClock();
    const d = desk({ handshakesPerSecond: 20 }, clock);
    for (let i = 0; i < 100; i += 1) {
      admit(d, "192.0.2.1").closed();
      clock.advance(100);
    }
    const least = desk({ handshakesPerSecond: 1 }, clock);
    for (let i = 0; i < 100; i += 1) {
      admit(least, "192.0.2.1").closed();
      clock.advance(1000);
    }
  });
  it("AdmissionDesk sends the oldest stranger away for who comes now, once it has had its time", () => {
    const clock = new ManualClock();
    const d = desk({ unauthenticated: 2, unauthenticatedPerAddress: 2 }, clock);
    const away: string[] = [];
    function come(name: string): Admission {
      return d.admit(name, () => away.push(name));
    }
    const first = come("192.0.2.1");
    clock.advance(1000);
    come("192.0.2.2");
    clock.advance(STRANGER_STAYS_MS - 1001);
    assert.deepEqual(come("192.0.2.3"), { admitted: false, reason: "too-many-unauthenticated" });
    clock.advance(1);
    assert.ok(come("192.0.2.3").admitted);
    assert.deepEqual([away, d.unauthenticated], [["192.0.2.1"], 2]);
    assert.ok(first.admitted);
    first.place.closed();
    assert.deepEqual([d.unauthenticated, d.connections], [2, 2], "its place was given back once");
    clock.advance(1000);
    assert.deepEqual([come("192.0.2.4").admitted, away.at(-1)], [true, "192.0.2.2"]);
  });
  it("AdmissionDesk sends nobody away who is known, who types a code, or who waits in line", () => {
    const clock = new ManualClock();
    const away: string[] = [];
    const d = desk({ unauthenticated: 1, challenged: 1 }, clock);
    for (const move of ["authenticated", "challenged"] as const) {
      const admission = d.admit("192.0.2.1", () => away.push(move));
      assert.ok(admission.admitted);
      admission.place[move]();
    }
    assert.ok(d.admit("192.0.2.2", () => away.push("stranger")).admitted);
    clock.advance(STRANGER_STAYS_MS);
    assert.ok(d.admit("192.0.2.3", nothing).admitted);
    assert.deepEqual(away, ["stranger"]);
    const line = desk({ unauthenticated: 1, handshakesAtOnce: 1 }, clock);
    line.admit("192.0.2.1", () => away.push("waiting"));
    clock.advance(STRANGER_STAYS_MS);
    assert.deepEqual(line.admit("192.0.2.2", nothing), {
      admitted: false,
      reason: "too-many-unauthenticated",
    });
    assert.deepEqual(away, ["stranger"]);
  });
  it("AdmissionDesk remembers the rates of a bounded number of addresses", () => {
    const clock = new ManualClock();
    const d = desk({ handshakesPerSecond: 1e9, unauthenticatedPerAddress: 1e9 }, clock);
    for (let i = 0; i < 3 * MAX_RATED_ADDRESSES; i += 1) admit(d, `address-${i}`).closed();
    assert.equal(d.ratedAddresses, MAX_RATED_ADDRESSES);
  });
});
