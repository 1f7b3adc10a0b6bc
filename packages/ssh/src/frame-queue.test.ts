import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";

import { FrameQueue } from "./frame-queue.ts";

/** Everything in the queue, in pieces of at most `piece` bytes; steps show as their names. */
function drained(queue: FrameQueue, seen: string[], piece = 1000): string[] {
  for (;;) {
    for (const step of queue.takeSteps()) step();
    const front = queue.peek();
    if (front === undefined) return seen;
    const part = front.data.subarray(0, piece);
    seen.push(`${front.extended}:${part.toString()}`);
    queue.skip(part.length);
  }
}

/** The bytes of one stream. */
function joined(pieces: readonly string[], stream: string): string {
  return pieces.flatMap((one) => (one.startsWith(stream) ? [one.slice(2)] : [])).join("");
}

describe("FrameQueue", () => {
  it("FrameQueue keeps the order of both streams and of the steps between them", () => {
    const [queue, seen] = [new FrameQueue(), [] as string[]];
    queue.push(Buffer.from("out"), 0);
    queue.push(Buffer.from("err"), 1);
    queue.then(() => seen.push("exit"));
    queue.push(Buffer.from("late"), 0);
    assert.deepEqual(drained(queue, seen), ["0:out", "1:err", "exit", "0:late"]);
    assert.equal(queue.empty, true);
  });
  it("FrameQueue loses and invents nothing, whatever comes in whatever pieces", () => {
    const chunk = fc.tuple(fc.string({ unit: "binary-ascii", maxLength: 9 }), fc.constantFrom(0, 1));
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (chunks, piece) => {
        const queue = new FrameQueue();
        for (const [data, extended] of chunks) queue.push(Buffer.from(data), extended);
        const wanted = chunks.map(([data, extended]) => `${extended}:${data}`);
        const got = drained(queue, [], piece);
        for (const which of ["0:", "1:"]) assert.equal(joined(got, which), joined(wanted, which));
      }),
    );
  });
  it("FrameQueue does not grow a record for each byte of a peer that alternates", () => {
    const queue = new FrameQueue();
    for (let i = 0; i < 100_000; i += 1) queue.push(Buffer.of(i & 0xff), i % 2);
    const seen = drained(queue, []);
    assert.ok(seen.length < 2000, `${seen.length} pieces`);
    assert.equal(seen.reduce((sum, one) => sum + one.length, 0) > 0, true);
  });
  it("FrameQueue forgets everything when cleared", () => {
    const [queue, seen] = [new FrameQueue(), [] as string[]];
    queue.push(Buffer.from("x"), 0);
    queue.then(() => seen.push("never"));
    queue.clear();
    assert.deepEqual(drained(queue, seen), []);
  });
});
