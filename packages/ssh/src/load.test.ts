import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { LIGHT_BURST_BYTES, LIGHT_BYTES_PER_SECOND } from "./limits.ts";
import { Load } from "./load.ts";

describe("Load", () => {
  it("Load is light for somebody who types, for hours", () => {
    const load = new Load(0);
    for (let now = 0; now < 3_600_000; now += 50) {
      load.add(200);
      assert.equal(load.light(200, now), true);
    }
  });
  it("Load is heavy after a burst, and light again when it has been quiet for a while", () => {
    const load = new Load(0);
    load.add(1_000_000_000);
    assert.equal(load.light(1, 500), false);
    assert.equal(load.light(1, 2000), true);
  });
  it("Load is heavy for who has sent nothing yet, but has much to send", () => {
    assert.equal(new Load(0).light(LIGHT_BURST_BYTES + 1, 0), false);
  });
  it("Load is heavy for small writes that add up", () => {
    const load = new Load(0);
    const each = (2 * LIGHT_BYTES_PER_SECOND) / 100;
    let now = 0;
    for (let sent = 0; sent < 4 * LIGHT_BURST_BYTES; sent += each) {
      load.add(each);
      now += 10;
      load.light(200, now);
    }
    assert.equal(load.light(200, now), false);
  });
});
