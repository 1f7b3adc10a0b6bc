/**
 * Runs a reconcile function over a queue of keys. It knows no kind and no event:
 * the function reads the world as it is now. Retryable failures come again with
 * back-off, conflicts do so silently, terminal ones wait for the next change.
 */
import { errorFields, systemClock } from "@teleport-access/daemon";
import type { Clock, Logger } from "@teleport-access/daemon";
import { isKubeError, isTerminal } from "./errors.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What a pass over one key asks for. */
export interface ReconcileResult {
  /** Look again after this time, even if nothing changes. */
  readonly requeueAfterMs?: number;
}

/** How a pass ended. */
export type ReconcileOutcome = "succeeded" | "conflict" | "failed" | "terminal";

export interface ControllerOptions {
  /** Shows up in logs. */
  readonly name: string;
  readonly queue: WorkQueue;
  /** Brings one object to what its spec says. Passes over different keys run side by side. */
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined>;
  readonly log: Logger;
  /** Keys worked on at the same time. @default 2 */
  readonly workers?: number;
  readonly clock?: Clock;
  /** For metrics. */
  observe?(pass: { readonly outcome: ReconcileOutcome; readonly seconds: number }): void;
}

export interface Controller {
  /** Takes no more keys and waits for the running passes; after `graceMs` their signal aborts. */
  stop(graceMs: number): Promise<void>;
}

/** Thrown by a reconcile function for what only a change of the object can mend. */
export class TerminalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TerminalError";
  }
}

/** Starts to work on the queue. Closing the queue is part of stop(). */
export function runController(options: ControllerOptions): Controller {
  const { queue, workers = 2, clock = systemClock } = options;
  const aborted = new AbortController();
  const running = Array.from({ length: workers }, () => work(options, clock, aborted.signal));
  return {
    async stop(graceMs) {
      queue.close();
      const timer = clock.setTimer(graceMs, () => {
        aborted.abort();
      });
      await Promise.all(running);
      timer.cancel();
    },
  };
}

/** One worker. Never rejects. */
async function work(options: ControllerOptions, clock: Clock, signal: AbortSignal): Promise<void> {
  const { queue } = options;
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    const startedAt = clock.monotonic();
    const outcome = await pass(options, key, signal);
    queue.done(key);
    options.observe?.({ outcome, seconds: (clock.monotonic() - startedAt) / 1000 });
  }
}

async function pass(options: ControllerOptions, key: string, signal: AbortSignal): Promise<ReconcileOutcome> {
  const { queue, log, name } = options;
  try {
    const result = await options.reconcile(key, signal);
    queue.forget(key);
    if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    return "succeeded";
  } catch (error) {
    const fields = { controller: name, key, ...errorFields(error) };
    if (isKubeError(error, "KUBE_CONFLICT")) {
      queue.retry(key);
      return "conflict";
    }
    if (error instanceof TerminalError || isTerminal(error)) {
      queue.forget(key);
      log.error("reconcile failed for good", fields);
      return "terminal";
    }
    queue.retry(key);
    if (!signal.aborted) log.warn("reconcile failed", fields);
    return "failed";
  }
}
