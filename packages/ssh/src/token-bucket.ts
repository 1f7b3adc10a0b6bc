/** How much of something may happen: so many a second in the long run, and no more than the bucket holds at once. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #capacity: number;
  #tokens: number;
  #filledAt: number;

  /** It is full at the beginning, at `now` in milliseconds. */
  constructor(perSecond: number, capacity: number, now: number) {
    this.#perSecond = perSecond;
    this.#capacity = capacity;
    this.#tokens = capacity;
    this.#filledAt = now;
  }

  /** What it holds at `now`. */
  level(now: number): number {
    const earned = ((now - this.#filledAt) * this.#perSecond) / 1000;
    this.#tokens = Math.min(this.#capacity, this.#tokens + earned);
    this.#filledAt = now;
    return this.#tokens;
  }

  full(now: number): boolean {
    return this.level(now) >= this.#capacity;
  }

  /** Milliseconds from `now` until there is a token; 0 when there is one. */
  wait(now: number): number {
    return (Math.max(0, 1 - this.level(now)) * 1000) / this.#perSecond;
  }

  take(): void {
    this.#tokens -= 1;
  }

  /** What was taken counted for nothing. */
  giveBack(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + 1);
  }
}
