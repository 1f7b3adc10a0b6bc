/**
 * Which tunnels a proxy should have: decides what to dial and what to close.
 *
 * Pure. Behind one load-balancer address the agent cannot choose a replica: it
 * dials until every announced one is covered, and closes what is too many.
 */

/** Two per replica, so that one person's bulk copy does not sit in front of another's keystrokes. */
export const TUNNELS_PER_REPLICA = 2;

export interface TunnelView {
  /** The pod behind it; undefined until its hello. */
  readonly replica: string | undefined;
  /** The replica has said that it is going. */
  readonly draining: boolean;
  /** Made with a certificate or an address that has been replaced since. */
  readonly outdated: boolean;
  /** Connections to targets in it. */
  readonly channels: number;
}

/** What a dial would be for: a replica without a tunnel, or one more beside those that each of them has. */
export type Need = "replica" | "spare" | "none";

export interface CoveragePlan<T extends TunnelView> {
  /** Whether every replica has what it should. */
  readonly covered: boolean;
  /** What to dial for: nothing while a tunnel whose hello is on its way may be the one that is missing. */
  readonly dial: Need;
  /** Tunnels that nobody would miss. */
  readonly close: readonly T[];
}

/**
 * @param announced the replicas as the proxy last listed them; empty when it could not
 * @param tunnels in the order they were made
 */
export function planCoverage<T extends TunnelView>(
  announced: readonly string[],
  tunnels: readonly T[],
): CoveragePlan<T> {
  const good = tunnels.filter((tunnel) => !tunnel.draining && !tunnel.outdated);
  const surplus = surplusOf(good);
  const kept = good.filter((tunnel) => !surplus.includes(tunnel));
  const going = goingReplicas(tunnels);
  const short = isShort(announced, kept, { going, each: TUNNELS_PER_REPLICA });
  const awaited = kept.some(({ replica }) => replica === undefined);
  const dial =
    awaited || !short ? "none" : isShort(announced, kept, { going, each: 1 }) ? "replica" : "spare";
  const replaced = tunnels.filter((tunnel) => isReplaced(tunnel, kept, short));
  return { covered: !short, dial, close: [...surplus, ...replaced] };
}

/** Whether an idle tunnel that is going has what comes after it. */
function isReplaced(tunnel: TunnelView, kept: readonly TunnelView[], short: boolean): boolean {
  if (tunnel.channels > 0 || kept.length === 0) return false;
  // Its replica takes no new channels: any other tunnel serves better.
  if (tunnel.draining) return true;
  return tunnel.outdated && (!short || kept.some(({ replica }) => replica === tunnel.replica));
}

/** The newest idle ones beyond two per replica. A busy one is never closed for tidiness. */
function surplusOf<T extends TunnelView>(good: readonly T[]): T[] {
  const counts = new Map<string, number>();
  const surplus: T[] = [];
  for (const tunnel of good) {
    if (tunnel.replica === undefined) continue;
    const count = counts.get(tunnel.replica) ?? 0;
    if (count >= TUNNELS_PER_REPLICA && tunnel.channels === 0) surplus.push(tunnel);
    else counts.set(tunnel.replica, count + 1);
  }
  return surplus;
}

function goingReplicas(tunnels: readonly TunnelView[]): ReadonlySet<string> {
  return new Set(
    tunnels.flatMap(({ draining, replica }) => (draining && replica !== undefined ? [replica] : [])),
  );
}

function isShort(
  announced: readonly string[],
  kept: readonly TunnelView[],
  { going, each }: { readonly going: ReadonlySet<string>; readonly each: number },
): boolean {
  const wanted = announced.filter((replica) => !going.has(replica));
  // A proxy that lists nobody (it has not seen its own endpoints yet) still gets its two.
  if (wanted.length === 0) return kept.length < each;
  return wanted.some((replica) => kept.filter((tunnel) => tunnel.replica === replica).length < each);
}
