/**
 * A clock that moves only when a test moves it.
 */
import type { Clock, Timer } from "./clock.ts";

interface Pending {
  readonly at: number;
  readonly fn: () => void;
}

export class ManualClock implements Clock {
  readonly #start: number;
  #now: number;
  readonly #pending = new Set<Pending>();

  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#start = start;
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  setTimer(ms: number, fn: () => void): Timer {
    const pending = { at: this.#now + Math.max(0, ms), fn };
    this.#pending.add(pending);
    return {
      cancel: () => {
        this.#pending.delete(pending);
      },
    };
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#pending.size;
  }

  /** When the next timer is due, in milliseconds since 1970. */
  get nextTimerAt(): number | undefined {
    return this.#earliest()?.at;
  }

  /** Moves time forward, firing what comes due in its order, also what is set on the way. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#earliest(); next !== undefined && next.at <= end; next = this.#earliest()) {
      this.#now = next.at;
      this.#pending.delete(next);
      next.fn();
    }
    this.#now = end;
  }

  #earliest(): Pending | undefined {
    let earliest: Pending | undefined;
    for (const pending of this.#pending) {
      if (earliest === undefined || pending.at < earliest.at) earliest = pending;
    }
    return earliest;
  }
}
