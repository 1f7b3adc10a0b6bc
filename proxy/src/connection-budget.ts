/**
 * How many refusals each connection of a person may cause in the audit log. Whoever has proven who they are can ask
 * for channels as fast as the network carries it; what is left out is counted for that connection, and said in its name.
 */
import type { Clock } from "@teleport-access/daemon";
import { fill, SAY_EVERY_MS } from "./line-budget.ts";
import type { Bucket, LineRate } from "./line-budget.ts";

/** A script that tries every host at once, or one host each second, is written down whole. */
export const REFUSALS_PER_CONNECTION: LineRate = { burst: 100, perSecond: 2 };
/** As many as the SSH port takes; a refusal may come after its connection's end, and be remembered for nothing. */
const MAX_CONNECTIONS = 10_000;

/** Counts refusals. */
export interface ConnectionBudget {
  /** Whether a refusal inside this connection may be written. */
  take(connection: string): boolean;
  /** How many were not, since it was last said; 0 while it is too early to say so again. */
  takeWithheld(connection: string): number;
  /** The same at once, for a connection that is over. */
  forget(connection: string): number;
}

interface Account extends Bucket {
  withheld: number;
  saidAt: number;
}

/** Full budgets. */
export function createConnectionBudget(clock: Clock): ConnectionBudget {
  const accounts = new Map<string, Account>();

  function accountOf(connection: string, now: number): Account {
    const known = accounts.get(connection);
    if (known !== undefined) return known;
    const made = { left: REFUSALS_PER_CONNECTION.burst, at: now, withheld: 0, saidAt: -Infinity };
    accounts.set(connection, made);
    const oldest = accounts.size > MAX_CONNECTIONS ? accounts.keys().next().value : undefined;
    if (oldest !== undefined) accounts.delete(oldest);
    return made;
  }

  return {
    take(connection) {
      const now = clock.monotonic();
      const account = accountOf(connection, now);
      fill(account, REFUSALS_PER_CONNECTION, now);
      if (account.left < 1) {
        account.withheld += 1;
        return false;
      }
      account.left -= 1;
      return true;
    },
    takeWithheld(connection) {
      const account = accounts.get(connection);
      const now = clock.monotonic();
      if (account === undefined || account.withheld === 0 || now - account.saidAt < SAY_EVERY_MS) return 0;
      const count = account.withheld;
      account.saidAt = now;
      account.withheld = 0;
      return count;
    },
    forget(connection) {
      const count = accounts.get(connection)?.withheld ?? 0;
      accounts.delete(connection);
      return count;
    },
  };
}
