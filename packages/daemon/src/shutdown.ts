/**
 * An orderly end: the first SIGTERM or SIGINT drains, the second ends at once.
 */
import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";

export interface Closer {
  close(): Promise<void>;
}

export interface CloserStack extends Closer {
  /** The last pushed is closed first. */
  push(closer: Closer | (() => void | Promise<void>)): void;
}

/** Everything that must be closed at the end, in reverse order; a failing closer does not keep the others open. */
export function createCloserStack(): CloserStack {
  const closers: (Closer | (() => void | Promise<void>))[] = [];
  return {
    push(closer) {
      closers.push(closer);
    },
    async close() {
      const errors: unknown[] = [];
      for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) {
        try {
          await (typeof closer === "function" ? closer() : closer.close());
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw new AggregateError(errors, "not everything closed in order");
    },
  };
}

export interface ShutdownOptions {
  /** After this the process ends whether the handler is done or not. */
  readonly graceMs: number;
  readonly clock?: Clock;
  /** What the signals come from and the exit code goes to; tests bring their own. */
  readonly target?: Pick<NodeJS.Process, "on"> & { exit(code: number): void };
}

/** 128 + the number of SIGKILL: what a shell reports for a process that had to be ended. */
const FORCED_EXIT_CODE = 137;

/** Runs `handler` at the first signal, then ends the process: 0 when all went well, 1 when the handler failed. */
export function onShutdown(
  handler: (signal: string) => Promise<void> | void,
  options: ShutdownOptions,
): void {
  const { graceMs, clock = systemClock, target = process } = options;
  let ending = false;
  function begin(signal: string): void {
    if (ending) {
      target.exit(FORCED_EXIT_CODE);
      return;
    }
    ending = true;
    clock.setTimer(graceMs, () => {
      target.exit(FORCED_EXIT_CODE);
    });
    run(signal).then(
      () => {
        target.exit(0);
      },
      () => {
        target.exit(1);
      },
    );
  }
  async function run(signal: string): Promise<void> {
    await handler(signal);
  }
  target.on("SIGTERM", begin);
  target.on("SIGINT", begin);
}
