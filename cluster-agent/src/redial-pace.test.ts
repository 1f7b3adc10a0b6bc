import assert from "node:assert/strict";
import { test } from "node:test";

import { RedialPace } from "./redial-pace.ts";

interface Lab {
  readonly pace: RedialPace;
  /** So many waits, with the failure before each, and the time that they take. */
  readonly waits: (count: number, absent: boolean) => number[];
}

function createLab(random = 1): Lab {
  let now = 0;
  const pace = new RedialPace({ now: () => now, random: () => random });
  function wait(absent: boolean): number {
    pace.failed(absent);
    const ms = pace.next();
    now += ms;
    return ms;
  }
  return { pace, waits: (count, absent) => Array.from({ length: count }, () => wait(absent)) };
}

test("RedialPace tries a proxy that never worked less and less often", () => {
  const { waits } = createLab();
  assert.deepEqual(waits(8, true), [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("RedialPace tries a proxy that is being started again each second, for half a minute", () => {
  const { pace, waits } = createLab();
  pace.lost();
  assert.deepEqual(waits(4, true), [250, 500, 1000, 1000]);
  const later = waits(31, true);
  assert.equal(later[20], 1000);
  assert.deepEqual(later.slice(-3), [250, 500, 1000], "then it counts as one that is away");
});

test("RedialPace does not hurry a proxy that is there and sends us away", () => {
  const { pace, waits } = createLab();
  pace.lost();
  assert.deepEqual(waits(6, false), [250, 500, 1000, 2000, 4000, 8000]);
});

test("RedialPace spreads everything by chance, spare tunnels the most", () => {
  const { pace, waits } = createLab(0.5);
  pace.lost();
  assert.deepEqual(waits(3, true), [125, 250, 500]);
  assert.equal(pace.spare(), 1500);
});
