import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";

import { CHANNEL_PACKET, CHANNEL_WINDOW, LEAST_WINDOW, MAX_CHANNEL_WINDOW, TYPED_WINDOW } from "./limits.ts";
import { ReceiveWindow, WindowBudget } from "./receive-window.ts";
import { RoundTrip } from "./round-trip.ts";

const MIB = 1024 * 1024;

interface Lab {
  readonly window: ReceiveWindow;
  readonly budget: WindowBudget;
  /** A sender that always has more, for `ms`: what it may send arrives at once and is taken at `mibPerSecond`. */
  readonly run: (ms: number, mibPerSecond: number) => void;
}

/** A window whose peer is `ms` away; undefined: it never answers. */
function createLab(
  ms: number | undefined,
  budget = new WindowBudget(),
  least: () => number = () => LEAST_WINDOW,
): Lab {
  let now = 1000;
  const trip = new RoundTrip(
    () => {
      trip.sent();
      if (ms === undefined) return;
      now += ms;
      trip.answered();
      now -= ms;
    },
    () => now,
  );
  const window = new ReceiveWindow({ roundTrip: trip, least, budget });
  function run(length: number, mibPerSecond: number): void {
    for (const end = now + length; now < end; now += 1) {
      const count = Math.min(Math.floor((mibPerSecond * MIB) / 1000), window.open);
      if (window.received(count)) window.consumed(count);
    }
  }
  return { window, budget, run };
}

describe("ReceiveWindow", () => {
  it("ReceiveWindow shrinks further while somebody types, and grows again after that", () => {
    let typing = true;
    const { window, run } = createLab(0.2, undefined, () => (typing ? TYPED_WINDOW : LEAST_WINDOW));
    run(1000, 300);
    assert.equal(window.target, TYPED_WINDOW);
    typing = false;
    run(1000, 300);
    assert.equal(window.target, LEAST_WINDOW);
  });
  const ROWS: readonly [string, number | undefined, number, number][] = [
    ["shrinks when the peer is near: more would only queue", 0.2, 300, LEAST_WINDOW],
    ["carries 40 MiB/s over 100 ms", 100, 40, 8 * MIB],
    ["grows to twice what one round trip moves, and no further", 50, 30, 3 * MIB],
    ["grows to its bound and no further", 200, 300, MAX_CHANNEL_WINDOW],
    ["stays as it was while nobody knows how far the peer is", undefined, 300, CHANNEL_WINDOW],
    ["stays as it was for keystrokes", 150, 0.001, CHANNEL_WINDOW],
  ];
  for (const [name, ms, rate, want] of ROWS) {
    it(`ReceiveWindow ${name}`, () => {
      const { window, run } = createLab(ms);
      run(3000, rate);
      assert.ok(Math.abs(window.target - want) <= want / 20, `${window.target} bytes`);
    });
  }

  it("ReceiveWindow follows a reader that becomes slow", () => {
    const { window, run, budget } = createLab(100);
    run(2000, 60);
    assert.equal(window.target, MAX_CHANNEL_WINDOW);
    run(5000, 5);
    assert.ok(window.target <= 2 * MIB, `${window.target} bytes`);
    assert.equal(budget.used, 0);
  });

  it("ReceiveWindow lets no more wait for a reader that stalls than its target", () => {
    const { window, run } = createLab(100);
    run(2000, 60);
    let waiting = 0;
    while (window.received(CHANNEL_PACKET)) waiting += CHANNEL_PACKET;
    assert.ok(waiting <= window.target, `${waiting} bytes`);
    assert.equal(window.received(window.open + 1), false);
  });

  it("ReceiveWindow grows only within what the process has left, and gives it back", () => {
    const budget = new WindowBudget(7 * MIB);
    const [first, second] = [createLab(200, budget), createLab(200, budget)];
    first.run(2000, 100);
    second.run(2000, 100);
    assert.equal(first.window.target, MAX_CHANNEL_WINDOW);
    assert.equal(second.window.target, CHANNEL_WINDOW + MIB);
    first.window.close();
    assert.equal(budget.used, MIB);
    second.run(2000, 100);
    assert.equal(second.window.target, MAX_CHANNEL_WINDOW);
    second.window.close();
    second.window.close();
    assert.equal(budget.used, 0);
  });

  it("ReceiveWindow never lets more than its largest target be open and held, whatever happens", () => {
    const step = fc.record({
      send: fc.integer({ min: 0, max: CHANNEL_PACKET }),
      take: fc.integer({ min: 0, max: 4 * CHANNEL_PACKET }),
      ms: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        let [now, held, open] = [0, 0, CHANNEL_WINDOW];
        const trip = new RoundTrip(
          () => {
            trip.sent();
            now += 30;
            trip.answered();
          },
          () => now,
        );
        const budget = new WindowBudget();
        const window = new ReceiveWindow({ roundTrip: trip, least: () => LEAST_WINDOW, budget });
        for (const { send, take, ms } of steps) {
          now += ms;
          const fits = send <= open;
          assert.equal(window.received(send), fits);
          if (fits) {
            open -= send;
            held += send;
          }
          const taken = Math.min(take, held);
          held -= taken;
          open += window.consumed(taken);
          assert.equal(window.open, open);
          assert.ok(open + held <= MAX_CHANNEL_WINDOW);
          assert.ok(budget.used <= MAX_CHANNEL_WINDOW - CHANNEL_WINDOW);
        }
        window.close();
        assert.equal(budget.used, 0);
      }),
    );
  });
});
