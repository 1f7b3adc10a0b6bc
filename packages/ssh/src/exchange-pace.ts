/**
 * Slows down a peer that exchanges keys again and again: each exchange costs us a
 * key pair, a shared secret and a signature, and asking for one costs it little.
 */
import { EXCHANGE_BURST, EXCHANGES_PER_SECOND } from "./limits.ts";

/** A wire. */
interface Pauses {
  pause(): unknown;
  resume(): unknown;
}

/** A token bucket that may go into debt: debt is time to wait. */
export class ExchangePace {
  readonly #wire: Pauses;
  readonly #now: () => number;
  #tokens = EXCHANGE_BURST;
  #filledAt: number;

  constructor(wire: Pauses, now: () => number = () => performance.now()) {
    this.#wire = wire;
    this.#now = now;
    this.#filledAt = now();
  }

  /** Counts one exchange; after too many the wire is not read for the milliseconds returned. */
  exchanged(): number {
    const now = this.#now();
    const filled = this.#tokens + ((now - this.#filledAt) * EXCHANGES_PER_SECOND) / 1000;
    this.#filledAt = now;
    this.#tokens = Math.min(EXCHANGE_BURST, filled) - 1;
    const wait = Math.ceil((Math.max(0, -this.#tokens) * 1000) / EXCHANGES_PER_SECOND);
    if (wait > 0) this.#pause(wait);
    return wait;
  }

  #pause(ms: number): void {
    this.#wire.pause();
    setTimeout(() => {
      this.#wire.resume();
    }, ms);
  }
}
