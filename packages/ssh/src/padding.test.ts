import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { createPaddingPool } from "./padding.ts";

describe("createPaddingPool", () => {
  it("createPaddingPool hands out every byte of the generator once, in order", () => {
    let refills = 0;
    const fill = createPaddingPool((pool) => {
      refills += 1;
      pool.forEach((_, i) => {
        pool[i] = (i + refills) & 0xff;
      });
    });
    const packet = Buffer.alloc(20);
    fill(packet, 4, 10);
    fill(packet, 14, 6);
    assert.deepEqual([...packet.subarray(0, 4)], [0, 0, 0, 0]);
    assert.deepEqual(
      [...packet.subarray(4)],
      Array.from({ length: 16 }, (_, i) => i + 1),
    );
    for (let i = 0; i < 64 * 1024; i += 16) fill(packet, 4, 16);
    assert.equal(refills, 2);
  });
  it("createPaddingPool leaves long requests to the generator itself", () => {
    const fill = createPaddingPool(() => assert.fail("the pool must not be used"));
    const key = fill(Buffer.alloc(100), 0, 100);
    assert.ok(key.some((byte) => byte !== 0));
  });
});
