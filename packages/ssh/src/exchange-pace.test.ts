import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";

import { ExchangePace } from "./exchange-pace.ts";
import { EXCHANGE_BURST, EXCHANGES_PER_SECOND } from "./limits.ts";

describe("ExchangePace", () => {
  it("ExchangePace lets a burst pass, and stops reading after it", () => {
    const socket = new PassThrough();
    const pace = new ExchangePace(socket, () => 0);
    for (let i = 0; i < EXCHANGE_BURST; i += 1) assert.equal(pace.exchanged(), 0);
    assert.equal(socket.isPaused(), false);
    assert.equal(pace.exchanged(), 1000 / EXCHANGES_PER_SECOND);
    assert.equal(socket.isPaused(), true);
  });
  it("ExchangePace holds whoever waits as told to its rate", () => {
    let now = 0;
    const pace = new ExchangePace(new PassThrough(), () => now);
    for (let i = 0; i < EXCHANGE_BURST + 10 * EXCHANGES_PER_SECOND; i += 1) now += pace.exchanged();
    assert.ok(now >= 10_000 && now < 10_200, `${now} ms`);
  });
  it("ExchangePace never minds an exchange now and then", () => {
    let now = 0;
    const pace = new ExchangePace(new PassThrough(), () => now);
    for (; now < 1_000_000; now += 1000) assert.equal(pace.exchanged(), 0);
  });
});
