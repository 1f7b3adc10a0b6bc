/**
 * How many tries at a password somebody gets.
 *
 * Per account: tries are counted *before* the password is looked at and stored
 * with the credentials, so the bound holds across replicas, restarts and parallel
 * requests. Per address: failures in memory, which slows the one who tries a few
 * passwords on many accounts. Pure but for the memory of the second.
 */

/** How many tries in which time. */
export interface LockoutPolicy {
  readonly maxAttempts: number;
  readonly windowSeconds: number;
}

/** Reads the stored tries (JSON array of seconds since the epoch). Anything unreadable counts as none. */
export function parseAttempts(text: string | undefined): readonly number[] {
  if (text === undefined || text.length > 4096) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter((v): v is number => Number.isSafeInteger(v)).slice(-64) : [];
  } catch {
    return [];
  }
}

/** The tries to store after one more at `now` (ms), or "locked" when there were as many as allowed. */
export function countAttempt(
  attempts: readonly number[],
  now: number,
  policy: LockoutPolicy,
): readonly number[] | "locked" {
  const second = Math.floor(now / 1000);
  // A time ahead of us comes from a replica whose clock is ahead: it still counts.
  const recent = attempts.filter((at) => at > second - policy.windowSeconds);
  // A try while locked is not counted: otherwise it would lock the owner out for ever.
  return recent.length >= policy.maxAttempts ? "locked" : [...recent, second];
}

/** How many failures of how many addresses are remembered, and for how long. */
export interface AddressLimits {
  readonly failures: number;
  readonly windowMs: number;
  readonly addresses: number;
}

/** Failures of one network address in a window. */
export const ADDRESS_BUDGET: AddressLimits = { failures: 50, windowMs: 15 * 60_000, addresses: 10_000 };

/** Remembers failures by address, in bounded memory. */
export interface AddressBudget {
  /** Whether this address still may try. */
  allows(address: string, now: number): boolean;
  failed(address: string, now: number): void;
}

/** A new, empty budget. A whole office may share one address, so it is ten times an account's. */
export function createAddressBudget(limits: AddressLimits = ADDRESS_BUDGET): AddressBudget {
  const windows = new Map<string, { since: number; failures: number }>();
  function current(key: string, now: number): { since: number; failures: number } | undefined {
    const window = windows.get(key);
    if (window === undefined || now - window.since < limits.windowMs) return window;
    windows.delete(key);
    return undefined;
  }
  return {
    allows: (address, now) => (current(networkOf(address), now)?.failures ?? 0) < limits.failures,
    failed: (address, now) => {
      const key = networkOf(address);
      const window = current(key, now);
      if (window !== undefined) {
        window.failures += 1;
        return;
      }
      // Full: the oldest goes. A Map keeps insertion order.
      const oldest = windows.size >= limits.addresses ? windows.keys().next().value : undefined;
      if (oldest !== undefined) windows.delete(oldest);
      windows.set(key, { since: now, failures: 1 });
    },
  };
}

/** What counts as one address: an IPv4 address, or an IPv6 /64, which one customer has all of. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:/i, "");
  if (!plain.includes(":")) return plain;
  const [head = ""] = plain.split("%");
  const [left = "", right] = head.split("::");
  const start = left === "" ? [] : left.split(":");
  const end = right === undefined || right === "" ? [] : right.split(":");
  const middle = right === undefined ? 0 : Math.max(0, 8 - start.length - end.length);
  const groups = [...start, ...Array<string>(middle).fill("0"), ...end];
  return groups
    .slice(0, 4)
    .map((g) => g.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":");
}
