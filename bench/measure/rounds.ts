/**
 * Interleaving: each round measures every way once, in an order that turns with
 * the round, so that a slow minute of the machine hits all of them. Rounds in
 * which others were busy are taken again.
 */
import type { Sample } from "./sample.ts";

/** One sample of each way, taken side by side. */
export type Round<K extends string> = Readonly<Record<K, Sample>>;

export interface Rounds<K extends string> {
  /** What counts. */
  readonly kept: readonly Round<K>[];
  /** All, in their order, for the record. */
  readonly all: readonly Round<K>[];
  /** How many of `kept` are disturbed ones, for want of better. */
  readonly disturbed: number;
}

export interface RoundOptions {
  readonly rounds: number;
  /** How many more to take at most when some are disturbed. */
  readonly extra: number;
}

/** Others using more than this share of the machine make a sample worthless. */
export const DISTURBED_SHARE = 0.25;

export async function takeRounds<K extends string>(
  names: readonly K[],
  { rounds, extra }: RoundOptions,
  take: (name: K) => Promise<Sample>,
): Promise<Rounds<K>> {
  const all: Round<K>[] = [];
  while (all.length < rounds + extra && all.filter(undisturbed).length < rounds) {
    const samples: [K, Sample][] = [];
    for (const name of turned(names, all.length)) samples.push([name, await take(name)]);
    all.push(Object.fromEntries(samples) as Round<K>);
  }
  return { ...keep(all, rounds), all };
}

/** The undisturbed rounds, filled up with the least disturbed ones when there are too few. */
export function keep<K extends string>(
  all: readonly Round<K>[],
  rounds: number,
): Pick<Rounds<K>, "kept" | "disturbed"> {
  const kept = all.toSorted((a, b) => foreignShare(a) - foreignShare(b)).slice(0, rounds);
  return { kept, disturbed: kept.filter((round) => !undisturbed(round)).length };
}

function foreignShare(round: Round<string>): number {
  return Math.max(...Object.values(round).map(({ foreign }) => foreign));
}

function undisturbed(round: Round<string>): boolean {
  return foreignShare(round) <= DISTURBED_SHARE;
}

/** The same names, starting with another each round. */
function turned<K>(names: readonly K[], round: number): K[] {
  const first = round % names.length;
  return [...names.slice(first), ...names.slice(0, first)];
}
