import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";

import { EXCHANGES } from "./limits.ts";
import { Pace, pacer } from "./pace.ts";

describe("Pace", () => {
  it("Pace lets a burst pass, and stops reading after it", () => {
    const socket = new PassThrough();
    const pace = new Pace(socket, EXCHANGES, () => 0);
    for (let i = 0; i < EXCHANGES.burst; i += 1) assert.equal(pace.step(), 0);
    assert.equal(socket.isPaused(), false);
    assert.equal(pace.step(), 1000 / EXCHANGES.perSecond);
    assert.equal(socket.isPaused(), true);
  });
  it("Pace holds whoever waits as told to its rate", () => {
    let now = 0;
    const pace = new Pace(new PassThrough(), EXCHANGES, () => now);
    for (let i = 0; i < EXCHANGES.burst + 10 * EXCHANGES.perSecond; i += 1) now += pace.step();
    assert.ok(now >= 10_000 && now < 10_200, `${now} ms`);
  });
  it("Pace never minds an exchange now and then", () => {
    let now = 0;
    const pace = new Pace(new PassThrough(), EXCHANGES, () => now);
    for (; now < 1_000_000; now += 1000) assert.equal(pace.step(), 0);
  });
  it("Pace reads again when all that came at once is paid for, not the first of it", async () => {
    const socket = new PassThrough();
    const resumed = new Promise<number>((resolve) =>
      socket.once("resume", () => {
        resolve(performance.now());
      }),
    );
    const pace = new Pace(socket, { burst: 1, perSecond: 100 });
    const from = performance.now();
    for (let i = 0; i < 6; i += 1) pace.step();
    assert.equal(socket.isPaused(), true);
    // The pace's own timer keeps no program running.
    const alive = setInterval(() => undefined, 1000);
    assert.ok((await resumed) - from >= 45);
    clearInterval(alive);
  });
  it("pacer() gives others their turn within a burst", async () => {
    const socket = new PassThrough();
    const step = pacer(socket, { burst: 1000, perSecond: 1 });
    let turns = 0;
    for (let i = 0; i < 100; i += 1) {
      step();
      if (!socket.isPaused()) continue;
      turns += 1;
      await new Promise(setImmediate);
      assert.equal(socket.isPaused(), false);
    }
    assert.equal(turns, 6);
  });
});
