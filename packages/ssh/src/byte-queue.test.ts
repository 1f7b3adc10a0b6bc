import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";

import { ByteQueue } from "./byte-queue.ts";

function drain(queue: ByteQueue, take: (available: number) => number): Buffer {
  const parts: Buffer[] = [];
  for (let chunk = queue.peek(); chunk !== undefined; chunk = queue.peek()) {
    const count = Math.max(1, Math.min(chunk.length, take(chunk.length)));
    parts.push(Buffer.from(chunk.subarray(0, count)));
    queue.skip(count);
  }
  return Buffer.concat(parts);
}

describe("ByteQueue", () => {
  it("ByteQueue gives back the bytes in order, however they are pushed and taken", () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ minLength: 4090, maxLength: 4100 }),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 30 }), fc.integer({ min: 1, max: 5000 }), (chunks, step) => {
        const queue = new ByteQueue();
        for (const one of chunks) queue.push(Buffer.from(one));
        const all = Buffer.concat(chunks);
        assert.equal(queue.length, all.length);
        assert.deepEqual(
          drain(queue, () => step),
          all,
        );
        assert.equal(queue.length, 0);
      }),
    );
  });
  it("ByteQueue keeps order when pushing and taking alternate", () => {
    const queue = new ByteQueue();
    const out: Buffer[] = [];
    for (let i = 0; i < 5000; i += 1) {
      queue.push(Buffer.from(`${i},`));
      const chunk = queue.peek();
      if (i % 3 !== 0 || chunk === undefined) continue;
      const count = Math.min(chunk.length, 7);
      out.push(Buffer.from(chunk.subarray(0, count)));
      queue.skip(count);
    }
    const rest = drain(queue, (n) => n);
    const want = Array.from({ length: 5000 }, (_, i) => `${i},`).join("");
    assert.equal(Buffer.concat([...out, rest]).toString(), want);
  });
  it("ByteQueue costs a few buffers for a window of 1-byte packets", () => {
    const queue = new ByteQueue();
    const packet = Buffer.alloc(64, 1);
    for (let i = 0; i < 200_000; i += 1) queue.push(packet.subarray(0, 1));
    assert.ok(queue.chunks < 20, `${queue.chunks} buffers`);
  });
  it("ByteQueue keeps what it was given when the memory is used again, and ignores empty chunks", () => {
    const queue = new ByteQueue();
    const [small, large] = [Buffer.alloc(10, 6), Buffer.alloc(32_768, 7)];
    queue.push(Buffer.alloc(0));
    queue.push(large);
    queue.push(small);
    for (const chunk of [small, large]) chunk.fill(0);
    const rest = drain(queue, (n) => n);
    assert.deepEqual(rest, Buffer.concat([Buffer.alloc(32_768, 7), Buffer.alloc(10, 6)]));
    queue.clear();
    assert.equal(queue.peek(), undefined);
    assert.equal(queue.length, 0);
  });
});
