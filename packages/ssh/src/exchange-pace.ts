/**
 * Slows down a peer that exchanges keys again and again: each exchange costs us a
 * key pair, a shared secret and a signature, and asking for one costs it little.
 */
import type { Duplex } from "node:stream";

import { EXCHANGE_BURST, EXCHANGES_PER_SECOND } from "./limits.ts";

/** A token bucket that may go into debt: debt is time to wait. */
export class ExchangePace {
  readonly #socket: Pick<Duplex, "pause" | "resume">;
  readonly #now: () => number;
  #tokens = EXCHANGE_BURST;
  #filledAt: number;

  constructor(socket: Pick<Duplex, "pause" | "resume">, now: () => number = () => performance.now()) {
    this.#socket = socket;
    this.#now = now;
    this.#filledAt = now();
  }

  /** Counts one exchange; after too many the socket is not read for the milliseconds returned. */
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
    this.#socket.pause();
    setTimeout(() => {
      this.#socket.resume();
    }, ms);
  }
}
