/**
 * How far away the peer is: the shortest round trip that a question about its life took.
 *
 * The shortest, because the others also waited in queues, some of them behind what
 * a window too large let in.
 */
import { ROUND_TRIP_ASK_MS, ROUND_TRIP_MEMORY_MS } from "./limits.ts";

export class RoundTrip {
  readonly #ask: () => void;
  readonly now: () => number;
  #asked: number[] = [];
  #lastAsk = -Infinity;
  /** The shortest of this period and of the one before: a changed route is noticed after two. */
  #current: number | undefined;
  #before: number | undefined;
  #since: number;

  /** `ask` sends a question, which comes back to `sent` and `answered`. */
  constructor(ask: () => void, now: () => number = () => performance.now()) {
    this.#ask = ask;
    this.now = now;
    this.#since = now();
  }

  /** In milliseconds; undefined until an answer came. */
  get ms(): number | undefined {
    if (this.#before === undefined || this.#current === undefined) return this.#current ?? this.#before;
    return Math.min(this.#before, this.#current);
  }

  /** Somebody wants to know: asks, but not often. */
  wanted(): void {
    const now = this.now();
    if (now - this.#lastAsk < (this.ms === undefined ? 0 : ROUND_TRIP_ASK_MS)) return;
    if (this.#asked.length > 0) return;
    this.#ask();
  }

  /** A question left. */
  sent(): void {
    this.#lastAsk = this.now();
    this.#asked.push(this.#lastAsk);
  }

  /** Answers come in the order of the questions. */
  answered(): void {
    const asked = this.#asked.shift();
    if (asked === undefined) return;
    const now = this.now();
    if (now - this.#since > ROUND_TRIP_MEMORY_MS) {
      this.#before = this.#current;
      this.#current = undefined;
      this.#since = now;
    }
    this.#current = Math.min(this.#current ?? Infinity, now - asked);
  }
}
