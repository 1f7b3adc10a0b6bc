import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger, ManualClock } from "@teleport-access/daemon";
import { runController, TerminalError, type ReconcileOutcome, type ReconcileResult } from "./controller.ts";
import { KubeError } from "./errors.ts";
import { createWorkQueue } from "./work-queue.ts";

function setUp(reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | undefined>) {
  const clock = new ManualClock();
  const queue = createWorkQueue({ clock, random: () => 1, backoff: { initialMs: 10, maxMs: 1000 } });
  const lines: string[] = [];
  const outcomes: ReconcileOutcome[] = [];
  const passed = Promise.withResolvers<undefined>();
  const log = createLogger({
    program: "test",
    destination: { write: (line: string) => void lines.push(line) },
  });
  const controller = runController({
    name: "test",
    queue,
    reconcile,
    log,
    clock,
    observe: ({ outcome }) => {
      outcomes.push(outcome);
      passed.resolve(undefined);
    },
  });
  return { clock, queue, lines, outcomes, controller, passed: passed.promise };
}

describe("runController", { timeout: 5_000 }, () => {
  test("runController reconciles each key and comes back when asked to", async () => {
    const keys: string[] = [];
    const f = setUp((key) => {
      keys.push(key);
      return Promise.resolve({ requeueAfterMs: 60_000 });
    });
    f.queue.add("acme/a");
    await f.passed;
    assert.deepEqual(keys, ["acme/a"]);
    assert.equal(f.clock.nextTimerAt, f.clock.now() + 60_000);
    await f.controller.stop(1000);
  });

  const FAILURES = [
    {
      name: "a failure",
      error: new Error("no"),
      outcome: "failed",
      retried: true,
      logged: /reconcile failed"/,
    },
    {
      name: "a conflict",
      error: new KubeError("KUBE_CONFLICT", "x"),
      outcome: "conflict",
      retried: true,
      logged: /^$/,
    },
    {
      name: "a terminal error",
      error: new TerminalError("no"),
      outcome: "terminal",
      retried: false,
      logged: /for good/,
    },
    {
      name: "an invalid object",
      error: new KubeError("KUBE_INVALID", "x"),
      outcome: "terminal",
      retried: false,
      logged: /for good/,
    },
  ] as const;
  for (const { name, error, outcome, retried, logged } of FAILURES) {
    test(`runController ${retried ? "tries again" : "does not try again"} after ${name}`, async () => {
      const f = setUp(() => Promise.reject(error));
      f.queue.add("a");
      await f.passed;
      assert.deepEqual(f.outcomes, [outcome]);
      assert.equal(f.clock.timers, retried ? 1 : 0);
      assert.match(f.lines.join(""), logged);
      await f.controller.stop(1000);
    });
  }

  test("stop waits for a running pass and then aborts it", async () => {
    const begun = Promise.withResolvers<undefined>();
    const f = setUp(
      (_key, signal) =>
        new Promise((_resolve, reject) => {
          begun.resolve(undefined);
          signal.addEventListener("abort", () => {
            reject(new Error("aborted"));
          });
        }),
    );
    f.queue.add("a");
    await begun.promise;
    const stopped = f.controller.stop(20_000);
    f.clock.advance(19_999);
    assert.deepEqual(f.outcomes, []);
    f.clock.advance(1);
    await stopped;
    assert.deepEqual(f.outcomes, ["failed"]);
    assert.deepEqual(f.lines, [], "stopping is no news");
  });
});
