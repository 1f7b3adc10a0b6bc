import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ROUND_TRIP_ASK_MS, ROUND_TRIP_MEMORY_MS } from "./limits.ts";
import { RoundTrip } from "./round-trip.ts";

function createTrip(): { trip: RoundTrip; asks: () => number; pass: (ms: number) => void } {
  let [now, asks] = [0, 0];
  const trip = new RoundTrip(
    () => {
      asks += 1;
      trip.sent();
    },
    () => now,
  );
  return {
    trip,
    asks: () => asks,
    pass: (ms) => {
      now += ms;
    },
  };
}

describe("RoundTrip", () => {
  it("RoundTrip keeps the shortest: the others waited in queues", () => {
    const { trip, pass } = createTrip();
    assert.equal(trip.ms, undefined);
    for (const ms of [40, 25, 300]) {
      trip.sent();
      pass(ms);
      trip.answered();
    }
    assert.equal(trip.ms, 25);
  });
  it("RoundTrip notices a longer way after two periods", () => {
    const { trip, pass } = createTrip();
    for (const ms of [10, 60, 60, 60]) {
      trip.sent();
      pass(ms);
      trip.answered();
      pass(ROUND_TRIP_MEMORY_MS);
    }
    assert.equal(trip.ms, 60);
  });
  it("RoundTrip asks one question at a time, and not often once it knows", () => {
    const { trip, asks, pass } = createTrip();
    trip.wanted();
    trip.wanted();
    assert.equal(asks(), 1);
    pass(10);
    trip.answered();
    trip.wanted();
    assert.equal(asks(), 1);
    pass(ROUND_TRIP_ASK_MS);
    trip.wanted();
    assert.equal(asks(), 2);
  });
  it("RoundTrip ignores an answer that nobody asked for", () => {
    const { trip } = createTrip();
    trip.answered();
    assert.equal(trip.ms, undefined);
  });
});
