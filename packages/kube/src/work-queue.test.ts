import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { createWorkQueue } from "./work-queue.ts";

describe("createWorkQueue", () => {
  test("a key is queued once, however often it is added", async () => {
    const queue = createWorkQueue();
    queue.add("a");
    queue.add("a");
    queue.add("b");
    assert.equal(queue.length, 2);
    assert.equal(await queue.take(), "a");
    assert.equal(await queue.take(), "b");
    assert.equal(queue.length, 0);
  });

  test("take waits for a key", async () => {
    const queue = createWorkQueue();
    const taken = queue.take();
    queue.add("a");
    assert.equal(await taken, "a");
  });

  test("a key that is worked on is handed out again only after done, and then once", async () => {
    const queue = createWorkQueue();
    queue.add("a");
    await queue.take();
    queue.add("a");
    queue.add("a");
    assert.equal(queue.length, 0);
    queue.done("a");
    assert.equal(queue.length, 1);
    assert.equal(await queue.take(), "a");
    queue.done("a");
    assert.equal(queue.length, 0);
  });

  test("what changed goes before what is only looked at again", async () => {
    const queue = createWorkQueue();
    queue.add("resynced", "resync");
    queue.add("both", "resync");
    queue.add("changed");
    queue.add("both");
    assert.deepEqual(
      [await queue.take(), await queue.take(), await queue.take()],
      ["changed", "both", "resynced"],
    );
  });

  test("addAfter queues later, and the earliest moment wins", async () => {
    const clock = new ManualClock();
    const queue = createWorkQueue({ clock });
    queue.addAfter("a", 1000);
    queue.addAfter("a", 100);
    queue.addAfter("a", 500);
    clock.advance(99);
    assert.equal(queue.length, 0);
    clock.advance(1);
    assert.equal(await queue.take(), "a");
    clock.advance(5000);
    assert.equal(queue.length, 0);
  });

  test("retry waits longer each time up to a limit, and forget starts over", () => {
    const clock = new ManualClock();
    const queue = createWorkQueue({ clock, random: () => 1, backoff: { initialMs: 10, maxMs: 40 } });
    const waits = [];
    for (let i = 0; i < 5; i++) {
      if (i === 4) queue.forget("a");
      queue.retry("a");
      waits.push((clock.nextTimerAt ?? 0) - clock.now());
      clock.advance(1000);
    }
    assert.deepEqual(waits, [10, 20, 40, 40, 10]);
  });

  test("close ends waiting takes and hands nothing out any more", async () => {
    const clock = new ManualClock();
    const queue = createWorkQueue({ clock });
    const taken = queue.take();
    queue.addAfter("later", 10);
    queue.close();
    queue.add("a");
    queue.addAfter("b", 1);
    assert.equal(await taken, undefined);
    assert.equal(await queue.take(), undefined);
    assert.equal(clock.timers, 0);
    assert.equal(queue.length, 0);
  });
});
