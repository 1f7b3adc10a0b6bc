/**
 * How much one channel lets its peer have in flight (docs/decisions/, "windows").
 *
 * Enough for the distance: twice what the reader takes in one round trip, so that a
 * sender far away is never stopped by us. No more than that: what is in flight
 * beyond it only waits in queues, in front of other people's keystrokes. Bytes that
 * nobody has taken yet count, so a reader that stalls makes nothing grow.
 */
import {
  CHANNEL_WINDOW,
  MAX_CHANNEL_WINDOW,
  MAX_GROWN_WINDOWS,
  WINDOW_LOOK_BYTES,
  WINDOW_LOOK_MS,
  WINDOW_PAUSE_MS,
} from "./limits.ts";
import type { RoundTrip } from "./round-trip.ts";

/** What all channels of the process have been given beyond CHANNEL_WINDOW. */
export class WindowBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number = MAX_GROWN_WINDOWS) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes up to `bytes`, and returns how many. */
  take(bytes: number): number {
    const taken = Math.max(0, Math.min(bytes, this.#limit - this.#used));
    this.#used += taken;
    return taken;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

const processBudget = new WindowBudget();

export interface ReceiveWindowOptions {
  readonly roundTrip: RoundTrip;
  /** What the window may shrink to now, in bytes. */
  readonly least: () => number;
  /** @default what all of the process share */
  readonly budget?: WindowBudget;
}

export class ReceiveWindow {
  readonly #roundTrip: RoundTrip;
  readonly #least: () => number;
  readonly #budget: WindowBudget;
  /** What the peer may still send. */
  #open: number;
  /** What it has sent and nobody has taken. */
  #held = 0;
  /** What the two together may be. */
  #target: number;
  /** The part of the target that is the budget's. */
  #grown = 0;
  #since: number | undefined;
  /** Taken since then. */
  #taken = 0;

  constructor({ roundTrip, least, budget = processBudget }: ReceiveWindowOptions) {
    this.#roundTrip = roundTrip;
    this.#least = least;
    this.#budget = budget;
    this.#target = CHANNEL_WINDOW;
    this.#open = CHANNEL_WINDOW;
  }

  get open(): number {
    return this.#open;
  }

  get target(): number {
    return this.#target;
  }

  /** The peer sent `count` bytes. False when it may not have. */
  received(count: number): boolean {
    if (count > this.#open) return false;
    this.#open -= count;
    this.#held += count;
    return true;
  }

  /** The reader took `count` bytes. Returns by how much to re-open the window now; often 0: in steps it costs fewer packets. */
  consumed(count: number): number {
    this.#held -= count;
    this.#taken += count;
    this.#look();
    const missing = this.#target - this.#open - this.#held;
    if (missing < this.#target / 4) return 0;
    this.#open += missing;
    return missing;
  }

  /** The channel is over: the budget gets its part back. */
  close(): void {
    this.#budget.give(this.#grown);
    this.#grown = 0;
  }

  /** After a round trip, or WINDOW_LOOK_MS if that is longer: how fast was the reader? */
  #look(): void {
    const now = this.#roundTrip.now();
    this.#since ??= now;
    const elapsed = now - this.#since;
    const { ms } = this.#roundTrip;
    if (elapsed < Math.max(WINDOW_LOOK_MS, ms ?? 0)) return;
    if (this.#taken >= WINDOW_LOOK_BYTES) this.#adapt(ms, this.#taken / elapsed);
    else if (elapsed < WINDOW_PAUSE_MS) return;
    this.#since = now;
    this.#taken = 0;
  }

  #adapt(ms: number | undefined, rate: number): void {
    this.#roundTrip.wanted();
    if (ms === undefined) return;
    const wanted = Math.min(MAX_CHANNEL_WINDOW, Math.max(this.#least(), 2 * rate * ms));
    // Up at once, down by steps: one slow look is not a slow reader.
    this.#resize(Math.floor(Math.max(wanted, this.#target * 0.75)));
  }

  #resize(wanted: number): void {
    this.#budget.give(this.#grown);
    this.#grown = this.#budget.take(wanted - CHANNEL_WINDOW);
    this.#target = Math.min(wanted, CHANNEL_WINDOW + this.#grown);
  }
}
