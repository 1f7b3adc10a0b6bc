import assert from "node:assert/strict";
import { test } from "node:test";
import { exactly, median, meets, quantile, quantileOf, ratioOf, seededRandom } from "./statistics.ts";

/** Samples around `center`, spread evenly over ± `spread`. */
function around(center: number, spread: number, count: number, seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => center + (random() * 2 - 1) * spread);
}

test("quantile lies between the nearest samples, whatever their order", () => {
  const rows = [
    { samples: [3, 1, 2], q: 0.5, want: 2, why: "the middle one" },
    { samples: [4, 1, 3, 2], q: 0.5, want: 2.5, why: "between the two in the middle" },
    { samples: [10, 20], q: 0.95, want: 19.5, why: "linear" },
    { samples: [7], q: 0.99, want: 7, why: "one sample is every quantile" },
    { samples: [1, 2, 3, 4, 100], q: 1, want: 100, why: "the largest" },
  ];
  for (const { samples, q, want, why } of rows) assert.equal(quantile(samples, q), want, why);
  assert.ok(Number.isNaN(quantile([], 0.5)), "of nothing there is none");
});

test("ratioOf is exact where nothing varies", () => {
  assert.deepEqual(ratioOf([6, 6, 6], [3, 3, 3]), { value: 2, low: 2, high: 2 });
});

test("ratioOf holds the true ratio inside its interval, about as often as it says", () => {
  let inside = 0;
  for (let seed = 1; seed <= 100; seed += 1) {
    const { low, high } = ratioOf(around(120, 20, 15, seed), around(100, 20, 15, seed + 1000));
    if (low <= 1.2 && 1.2 <= high) inside += 1;
  }
  assert.ok(inside >= 88 && inside <= 100, `95 % of the intervals should hold it, ${inside} % do`);
});

test("ratioOf of rounds does not suffer from what slows both sides of a round", () => {
  const slow = [1, 0.5, 0.9, 0.4, 1, 0.6, 0.8];
  const rounds = ratioOf(
    slow.map((s) => 130 * s),
    slow.map((s) => 100 * s),
  );
  assert.ok(Math.abs(rounds.low - 1.3) < 1e-9 && Math.abs(rounds.high - 1.3) < 1e-9);
  const apart = ratioOf(
    slow.map((s) => 130 * s),
    slow.slice(1).map((s) => 100 * s),
  );
  assert.ok(apart.high - apart.low > 0.5, "drawn apart, the same noise shows");
});

test("ratioOf takes another statistic, e.g. the 95th percentile", () => {
  const ours = Array.from({ length: 200 }, (_, i) => 50 + i);
  const peer = ours.map((sample) => sample * 2);
  assert.equal(ratioOf(ours, peer, quantileOf(0.95)).value, 0.5);
});

test("ratioOf gives the same interval for the same samples", () => {
  const [ours, peer] = [around(5, 2, 9, 7), around(4, 2, 9, 8)];
  assert.deepEqual(ratioOf(ours, peer), ratioOf(ours, peer));
});

test("meets asks the worse end of the interval", () => {
  const estimate = { value: 1.3, low: 1.2, high: 1.4 };
  const rows = [
    { goal: { atLeast: 1.25 }, want: false, why: "its lower end is below" },
    { goal: { atLeast: 1.2 }, want: true, why: "the lower end reaches it" },
    { goal: { atMost: 1.35 }, want: false, why: "its upper end is above" },
    { goal: { atMost: 1.4 }, want: true, why: "the upper end stays within" },
  ];
  for (const { goal, want, why } of rows) assert.equal(meets(goal, estimate), want, why);
});

test("meets is false for what was not measured", () => {
  assert.equal(meets({ atLeast: 0 }, exactly(median([]))), false);
  assert.equal(meets({ atMost: 9 }, exactly(median([]))), false);
});
