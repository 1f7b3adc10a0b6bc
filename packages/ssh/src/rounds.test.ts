import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";
import type { Timer } from "@teleport-access/daemon";

import { lookEvery } from "./rounds.ts";

describe("lookEvery", () => {
  it("lookEvery looks once a period, the first time after one", () => {
    const clock = new ManualClock(0);
    const looks: number[] = [];
    const stop = lookEvery(1000, () => looks.push(clock.now()), clock);
    clock.advance(999);
    assert.deepEqual(looks, []);
    clock.advance(2001);
    assert.deepEqual(looks, [1000, 2000, 3000]);
    stop();
    stop();
    assert.equal(clock.timers, 0, "nothing is left behind");
    clock.advance(5000);
    assert.equal(looks.length, 3);
  });

  it("lookEvery has one timer, and spreads those who come in the course of a period over its ticks", () => {
    const clock = new ManualClock(0);
    const looks = new Map<number, number>();
    const stops = Array.from({ length: 100 }, () => {
      clock.advance(10);
      return lookEvery(1000, () => looks.set(clock.now(), (looks.get(clock.now()) ?? 0) + 1), clock);
    });
    assert.equal(clock.timers, 1);
    looks.clear();
    clock.advance(1000);
    assert.deepEqual([...looks.values()], Array<number>(20).fill(5));
    for (const stop of stops) stop();
    assert.equal(clock.timers, 0);
  });

  it("lookEvery does not look at who left during the same tick, nor at once at who came", () => {
    const clock = new ManualClock(0);
    const looks: string[] = [];
    const stops = new Map<string, () => void>();
    function join(name: string, act: () => void): void {
      function look(): void {
        looks.push(name);
        act();
      }
      stops.set(name, lookEvery(1000, look, clock));
    }
    join("first", () => {
      stops.get("second")?.();
      if (!stops.has("third")) join("third", () => undefined);
    });
    join("second", () => undefined);
    clock.advance(1000);
    assert.deepEqual(looks, ["first"]);
    clock.advance(1000);
    assert.deepEqual(looks, ["first", "first", "third"]);
    for (const stop of stops.values()) stop();
  });

  it("lookEvery lets a process that was suspended read before it looks, and makes up for nothing", () => {
    const clock = new SuspendedClock();
    const order: string[] = [];
    const stop = lookEvery(1000, () => order.push(`look at ${clock.now()}`), clock);
    clock.suspend(60_000);
    order.length = 0;
    // Everything that is due now fires first; what arrived meanwhile is read after it.
    clock.fireDue();
    order.push("read");
    clock.advance(2000);
    assert.equal(order[0], "read");
    assert.deepEqual(order.filter((step) => step !== "read").length, 2);
    stop();
  });
});

/** A clock whose timers did not fire while time passed. */
class SuspendedClock extends ManualClock {
  #ahead = 0;

  override monotonic(): number {
    return super.monotonic() + this.#ahead;
  }

  /** As setTimeout does, which takes 0 for 1. */
  override setTimer(ms: number, fn: () => void): Timer {
    return super.setTimer(Math.max(1, ms), fn);
  }

  suspend(ms: number): void {
    this.#ahead += ms;
  }

  /** One turn of the event loop's timers: those that are set on the way wait for the next one. */
  fireDue(): void {
    const { nextTimerAt = 0 } = this;
    this.advance(nextTimerAt - this.now());
  }
}
