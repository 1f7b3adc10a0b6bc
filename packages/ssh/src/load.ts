/**
 * Whether a channel carries keystrokes or a copy: a token bucket over what it sends.
 * Nothing is declared, so nothing can be pretended; who sends much is heavy.
 */
import { LIGHT_BURST_BYTES, LIGHT_BYTES_PER_SECOND } from "./limits.ts";

export class Load {
  #tokens = LIGHT_BURST_BYTES;
  #filledAt: number;

  constructor(now: number) {
    this.#filledAt = now;
  }

  /** The channel sent `count` bytes. */
  add(count: number): void {
    // A copy of gigabytes is forgiven after a second, not after hours.
    this.#tokens = Math.max(-LIGHT_BYTES_PER_SECOND, this.#tokens - count);
  }

  /** Whether it may send `wanted` bytes more and still be light. */
  light(wanted: number, now: number): boolean {
    const earned = ((now - this.#filledAt) * LIGHT_BYTES_PER_SECOND) / 1000;
    this.#tokens = Math.min(LIGHT_BURST_BYTES, this.#tokens + earned);
    this.#filledAt = now;
    return wanted <= this.#tokens;
  }
}
