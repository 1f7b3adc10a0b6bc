import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { systemClock } from "./clock.ts";
import { ManualClock } from "./manual-clock.ts";

test("systemClock setTimer waits longer than setTimeout can", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const fired = mock.fn();
  const longest = 2 ** 31 - 1;
  systemClock.setTimer(2 * longest + 1000, fired);
  for (const step of [longest, longest, 999]) {
    context.mock.timers.tick(step);
    assert.equal(fired.mock.callCount(), 0, "setTimeout alone would have fired at once");
  }
  context.mock.timers.tick(1);
  assert.equal(fired.mock.callCount(), 1);
});

test("systemClock setTimer can be cancelled, also after its first long step", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const fired = mock.fn();
  const timer = systemClock.setTimer(2 ** 32, fired);
  context.mock.timers.tick(2 ** 31);
  timer.cancel();
  timer.cancel();
  context.mock.timers.tick(2 ** 32);
  assert.equal(fired.mock.callCount(), 0);
});

test("ManualClock fires timers in the order they come due, also those set on the way", () => {
  const clock = new ManualClock(1000);
  const order: string[] = [];
  clock.setTimer(20, () => order.push(`b@${clock.now()}`));
  clock.setTimer(10, () => {
    order.push(`a@${clock.now()}`);
    clock.setTimer(5, () => order.push(`c@${clock.now()}`));
  });
  const cancelled = clock.setTimer(10, () => order.push("never"));
  cancelled.cancel();
  assert.equal(clock.nextTimerAt, 1010);
  clock.advance(20);
  assert.deepEqual(order, ["a@1010", "c@1015", "b@1020"]);
  assert.equal(clock.timers, 0);
  assert.equal(clock.monotonic(), 20);
});
