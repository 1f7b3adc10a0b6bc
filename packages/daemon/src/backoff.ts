/**
 * How long to wait before the next try.
 *
 * Full jitter (random between zero and the ceiling): after a restart of a proxy,
 * hundreds of agents must not come back in step.
 */

export interface BackoffOptions {
  /** The ceiling of the first wait. */
  readonly initialMs: number;
  /** The ceiling that doubling ends at. */
  readonly maxMs: number;
  /** @default Math.random */
  readonly random?: () => number;
}

export interface Backoff {
  /** The next wait in milliseconds; its ceiling doubles with each call. */
  next(): number;
  /** Call when a try has succeeded. */
  reset(): void;
}

export function createBackoff({ initialMs, maxMs, random = Math.random }: BackoffOptions): Backoff {
  let ceiling = initialMs;
  return {
    next() {
      const wait = random() * ceiling;
      ceiling = Math.min(ceiling * 2, maxMs);
      return wait;
    },
    reset() {
      ceiling = initialMs;
    },
  };
}
