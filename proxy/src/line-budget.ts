/**
 * How many lines strangers may cause in the audit log: so many for each address, so many in all. Token buckets
 * in bounded memory; what did not fit is counted.
 */
import type { Clock } from "@teleport-access/daemon";
import { networkOf } from "./signin/lockout.ts";

/** A bucket's size, and how fast it fills again. */
export interface LineRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** An office that starts its day makes some hundred lines at once; a scan makes that many in each second. */
export const LINES_PER_ADDRESS: LineRate = { burst: 300, perSecond: 10 };
/** 100 lines a second of half a kilobyte fill 4 GB in a day: dear, but no log stops for it. */
export const LINES_IN_ALL: LineRate = { burst: 3000, perSecond: 100 };
const MAX_ADDRESSES = 10_000;
/** What was withheld is said at most this often. */
export const SAY_EVERY_MS = 10_000;

/** Counts lines. */
export interface LineBudget {
  /** Whether a line about this address may be written. */
  take(address: string): boolean;
  /** How many were not, since it was last said; 0 while it is too early to say so again. */
  takeWithheld(): number;
}

/** How much is left of a rate, and when that was. */
export interface Bucket {
  left: number;
  at: number;
}

/** A full budget. */
export function createLineBudget(clock: Clock): LineBudget {
  const all: Bucket = { left: LINES_IN_ALL.burst, at: clock.monotonic() };
  const buckets = new Map<string, Bucket>();
  let withheld = 0;
  let saidAt = -Infinity;

  function bucketOf(address: string): Bucket {
    const key = networkOf(address);
    const bucket = buckets.get(key) ?? { left: LINES_PER_ADDRESS.burst, at: clock.monotonic() };
    // Again at the end: a Map keeps insertion order, and the one unused for longest goes.
    buckets.delete(key);
    buckets.set(key, bucket);
    const oldest = buckets.size > MAX_ADDRESSES ? buckets.keys().next().value : undefined;
    if (oldest !== undefined) buckets.delete(oldest);
    return bucket;
  }

  return {
    take(address) {
      const now = clock.monotonic();
      const bucket = bucketOf(address);
      fill(bucket, LINES_PER_ADDRESS, now);
      fill(all, LINES_IN_ALL, now);
      if (bucket.left < 1 || all.left < 1) {
        withheld += 1;
        return false;
      }
      bucket.left -= 1;
      all.left -= 1;
      return true;
    },
    takeWithheld() {
      const now = clock.monotonic();
      if (withheld === 0 || now - saidAt < SAY_EVERY_MS) return 0;
      saidAt = now;
      const count = withheld;
      withheld = 0;
      return count;
    },
  };
}

/** Adds what has come back since. */
export function fill(bucket: Bucket, { burst, perSecond }: LineRate, now: number): void {
  bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) * perSecond) / 1000);
  bucket.at = now;
}
