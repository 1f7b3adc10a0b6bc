/**
 * Which grants of a person match what they ask for, and when none does, why: the
 * reason is that of the first condition that left no grant over, in the order of
 * the design (names the target, login, permission; in force; source; second factor; freshness).
 */
import { globMatches } from "./globs.ts";
import { grantStanding } from "./grant.ts";
import type { Grant, Permission } from "./grant.ts";
import type { AccessRefusal, Decision } from "./refusal.ts";
import { rangesContain } from "./source-ranges.ts";
import type { ClusterTrust, Freshness, World } from "./world.ts";

/** A port on a host of a cluster that the proxy trusts. */
export interface TargetAddress {
  readonly cluster: ClusterTrust;
  /** Without the cluster. */
  readonly host: string;
  readonly port: number;
}

/** What a grant must match; what is absent is not asked. */
export interface Wanted {
  readonly target?: TargetAddress;
  readonly login?: string;
  /** "any": whichever, but there must be one. */
  readonly permission?: Permission | "any";
  /** The client's address; absent where there is no client yet (issuing a certificate). */
  readonly source?: string;
  /** A TOTP code was given for this very session; "not-asked" where that is decided later (issuing). */
  readonly secondFactor: boolean | "not-asked";
  /** It is about something that is open already. */
  readonly live: boolean;
}

/** Whether the grant names the cluster, by name, by "*" or by labels. */
export function grantNamesCluster(grant: Grant, cluster: ClusterTrust): boolean {
  if (grant.clusters === "*") return true;
  if (grant.clusters.includes(cluster.name)) return true;
  if (grant.clusterLabels === undefined) return false;
  const wanted = Object.entries(grant.clusterLabels);
  // A selector without labels selects nothing: empty grants nothing.
  return (
    wanted.length > 0 &&
    wanted.every(([key, value]) => Object.hasOwn(cluster.labels, key) && cluster.labels[key] === value)
  );
}

/** Whether the grant names the cluster, the host and the port. */
export function grantNamesTarget(grant: Grant, target: TargetAddress): boolean {
  return (
    grantNamesCluster(grant, target.cluster) &&
    grant.targets.some(
      (pattern) =>
        globMatches(pattern.host, target.host) &&
        (pattern.ports === "*" || pattern.ports.includes(target.port)),
    )
  );
}

/** The grants of `user` that match; at least one, or a reason. */
export function matchGrants(
  user: string,
  wanted: Wanted,
  world: World,
): Decision<{ readonly grants: readonly Grant[] }> {
  let left: readonly Grant[] = world.grantsOf(user);
  if (left.length === 0) return { allowed: false, reason: "no-grant" };
  for (const condition of CONDITIONS) {
    const next = left.filter((grant) => condition.holds(grant, wanted, world));
    if (next.length === 0) return { allowed: false, reason: condition.reason(left, world) };
    left = next;
  }
  return { allowed: true, grants: left };
}

function permits({ permissions }: Grant, permission: Permission | "any"): boolean {
  return permission === "any" ? permissions.length > 0 : permissions.includes(permission);
}

interface Condition {
  holds(grant: Grant, wanted: Wanted, world: World): boolean;
  /** Why nothing is left, of the grants that held all conditions before. */
  reason(grants: readonly Grant[], world: World): AccessRefusal;
}

const CONDITIONS: readonly Condition[] = [
  {
    holds: (grant, { target }) => target === undefined || grantNamesTarget(grant, target),
    reason: () => "target-not-granted",
  },
  {
    holds: (grant, { login }) => login === undefined || grant.logins.includes(login),
    reason: () => "login-not-granted",
  },
  {
    holds: (grant, { permission }) => permission === undefined || permits(grant, permission),
    reason: () => "permission-not-granted",
  },
  {
    holds: (grant, _wanted, world) => grantStanding(grant, world.now) === "in-force",
    reason: whyNotInForce,
  },
  {
    holds: (grant, { source }) =>
      source === undefined || grant.sourceRanges.length === 0 || rangesContain(grant.sourceRanges, source),
    reason: () => "source-not-allowed",
  },
  {
    holds: (grant, { secondFactor }) => grant.secondFactor === "PerSignIn" || secondFactor !== false,
    reason: () => "second-factor-required",
  },
  {
    holds: (grant, { live }, world) => countsWhileStale(grant, live, world),
    reason: () => "access-list-stale",
  },
];

/** When a break-glass grant stops counting, if the list stays as old as it is. */
export function staleAllowanceEnd(grant: Grant, freshness: Freshness): number | undefined {
  return grant.onStale === undefined ? undefined : freshness.lastProof + grant.onStale.seconds * 1000;
}

/** The nearest miss first: a grant that ended yesterday says more than one that never began. */
function whyNotInForce(grants: readonly Grant[], world: World): AccessRefusal {
  const standings = grants.map((grant) => grantStanding(grant, world.now));
  if (standings.includes("suspended")) return "grant-suspended";
  return standings.includes("expired") ? "grant-expired" : "grant-not-started";
}

/** What is open stays open under DenyNew: an API server's outage must not end sessions that nobody revoked. */
function countsWhileStale(grant: Grant, live: boolean, { freshness, now }: World): boolean {
  const { stale, policy } = freshness;
  if (!stale || policy === "Allow") return true;
  if (live && policy === "DenyNew") return true;
  const end = staleAllowanceEnd(grant, freshness);
  return end !== undefined && now < end;
}
