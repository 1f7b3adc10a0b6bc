/**
 * Time as a dependency: the one place where programs get it from.
 *
 * Wall time decides about certificates and grants; monotonic time measures waits,
 * because NTP may set wall time back.
 */
import { performance } from "node:perf_hooks";

export interface Timer {
  /** Idempotent; a timer that has fired ignores it. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number;
  /** Calls `fn` once, `ms` from now; at once (but not synchronously) when that is past. Any distance is fine. */
  setTimer(ms: number, fn: () => void): Timer;
}

/** setTimeout fires at once beyond this (24.8 days), which would end a year-long grant today. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(ms, fn) {
    return chain(ms, fn);
  },
};

function chain(ms: number, fn: () => void): Timer {
  let handle: NodeJS.Timeout;
  function arm(left: number): void {
    const step = Math.min(Math.max(left, 0), MAX_TIMEOUT_MS);
    handle = setTimeout(() => {
      if (left > step) arm(left - step);
      else fn();
    }, step);
  }
  arm(ms);
  return {
    cancel() {
      clearTimeout(handle);
    },
  };
}
