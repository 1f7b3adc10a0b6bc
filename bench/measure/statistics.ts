/**
 * What a list of samples says: medians, quantiles, and how far a ratio can be
 * trusted. Nothing here knows what was measured.
 */

/** A figure and the 95 % interval around it. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What a benchmark has to reach. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

export type Statistic = (samples: readonly number[]) => number;

/** Enough that the ends of the interval move by less than they are printed with. */
const RESAMPLES = 2000;
/** The same samples give the same interval. */
const SEED = 0x5eed;

/** The `q`-quantile, linear between the two nearest samples; NaN of none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** The statistic that is one quantile. */
export function quantileOf(q: number): Statistic {
  return (samples) => quantile(samples, q);
}

/** Uniform numbers in [0, 1), always the same ones (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The ratio of a statistic of ours to the peer's, with the percentile bootstrap's
 * interval. Two lists of one length are taken as rounds: sample i of both was
 * measured side by side, so both are drawn together and a slow minute of the
 * machine cancels out. Lists of different lengths are drawn apart.
 */
export function ratioOf(
  ours: readonly number[],
  peer: readonly number[],
  statistic: Statistic = median,
): Estimate {
  const random = seededRandom(SEED);
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const drawn = drawIndexes(ours.length, random);
    const beside = peer.length === ours.length ? drawn : drawIndexes(peer.length, random);
    return statistic(pick(ours, drawn)) / statistic(pick(peer, beside));
  });
  return {
    value: statistic(ours) / statistic(peer),
    low: quantile(ratios, 0.025),
    high: quantile(ratios, 0.975),
  };
}

function drawIndexes(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => Math.floor(random() * count));
}

function pick(samples: readonly number[], indexes: readonly number[]): number[] {
  return indexes.map((index) => samples[index] ?? Number.NaN);
}

/** Whether a goal is met: the worse end of the interval counts, and a figure that is not there meets nothing. */
export function meets(goal: Goal, estimate: Estimate): boolean {
  return "atLeast" in goal ? estimate.low >= goal.atLeast : estimate.high <= goal.atMost;
}

/** A figure without an interval: it was measured once, and its own noise is far below the goal's distance. */
export function exactly(value: number): Estimate {
  return { value, low: value, high: value };
}
