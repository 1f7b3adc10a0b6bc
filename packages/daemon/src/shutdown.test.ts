import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { ManualClock } from "./manual-clock.ts";
import { createCloserStack, onShutdown } from "./shutdown.ts";
import type { ShutdownOptions } from "./shutdown.ts";

function program(): {
  target: NonNullable<ShutdownOptions["target"]> & EventEmitter;
  exits: number[];
  clock: ManualClock;
} {
  const exits: number[] = [];
  const target = Object.assign(new EventEmitter(), {
    exit(code: number) {
      exits.push(code);
    },
  });
  return {
    target: target as NonNullable<ShutdownOptions["target"]> & EventEmitter,
    exits,
    clock: new ManualClock(),
  };
}

test("onShutdown runs the handler at SIGTERM and then ends with 0", async () => {
  const { target, exits, clock } = program();
  const signals: string[] = [];
  onShutdown((signal) => void signals.push(signal), { graceMs: 1000, clock, target });
  target.emit("SIGTERM", "SIGTERM");
  await setImmediate();
  assert.deepEqual([signals, exits], [["SIGTERM"], [0]]);
});

test("onShutdown ends with 1 when the handler fails", async () => {
  const { target, exits, clock } = program();
  onShutdown(() => Promise.reject(new Error("no")), { graceMs: 1000, clock, target });
  target.emit("SIGINT", "SIGINT");
  await setImmediate();
  assert.deepEqual(exits, [1]);
});

test("onShutdown ends at once at the second signal", () => {
  const { target, exits, clock } = program();
  onShutdown(() => Promise.withResolvers<never>().promise, { graceMs: 1000, clock, target });
  target.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(exits, []);
  target.emit("SIGINT", "SIGINT");
  assert.deepEqual(exits, [137]);
});

test("onShutdown ends after the grace time whatever the handler does", () => {
  const { target, exits, clock } = program();
  onShutdown(() => Promise.withResolvers<never>().promise, { graceMs: 1000, clock, target });
  target.emit("SIGTERM", "SIGTERM");
  clock.advance(999);
  assert.deepEqual(exits, []);
  clock.advance(1);
  assert.deepEqual(exits, [137]);
});

test("createCloserStack closes in reverse order and past failures", async () => {
  const order: string[] = [];
  const stack = createCloserStack();
  stack.push(() => void order.push("first"));
  stack.push(() => Promise.reject(new Error("second fails")));
  stack.push({
    close() {
      order.push("third");
      return Promise.resolve();
    },
  });
  await assert.rejects(stack.close(), AggregateError);
  assert.deepEqual(order, ["third", "first"]);
  await stack.close();
});
