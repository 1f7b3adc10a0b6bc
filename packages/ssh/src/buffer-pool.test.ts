import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { BufferPool } from "./buffer-pool.ts";

describe("BufferPool", () => {
  it("BufferPool hands a buffer out again once it was given back, and to one taker at a time", () => {
    const pool = new BufferPool(64, 2);
    const first = pool.take();
    assert.notEqual(pool.take(), first);
    pool.give(first);
    assert.equal(pool.take(), first);
    assert.equal(first.length, 64);
  });
  it("BufferPool keeps no more than it was told to", () => {
    const pool = new BufferPool(64, 2);
    const taken = [pool.take(), pool.take(), pool.take()];
    for (const buffer of taken) pool.give(buffer);
    assert.equal(pool.free, 2);
  });
});
