/**
 * What a person could reach now, for `ssh proxy` without a target and for the web
 * page. A listing, not a decision: each use is decided again.
 */
import { globMatches, isLiteralHost } from "./globs.ts";
import { grantStanding } from "./grant.ts";
import type { Grant, Permission } from "./grant.ts";
import { grantNamesCluster } from "./grant-matching.ts";
import type { AnnouncedTarget } from "./principals.ts";
import { rangesContain } from "./source-ranges.ts";
import type { ClusterTrust, World } from "./world.ts";

/** What a grant says about the targets that it names. */
export interface GrantTerms {
  /** "*" is every port that the agent lists for the host. */
  readonly ports: readonly number[] | "*";
  readonly permissions: readonly Permission[];
  readonly secondFactor: Grant["secondFactor"];
  /** When the grant ends, in milliseconds; absent when it has no end. */
  readonly expires?: number;
}

/** Logins on one host, or on all hosts that match a pattern, under the same terms. */
export interface GrantedTarget extends ReachableTarget, GrantTerms {
  /** Whether the TrustedHostCA is suspended: nothing in the cluster can be reached then. */
  readonly suspended: boolean;
}

/** Logins on one host, or on all hosts that match a pattern. */
export interface ReachableTarget {
  readonly cluster: string;
  /** Without the cluster; a glob where the agent announces no such host by name. */
  readonly host: string;
  /** Whether `host` is one host that can be typed as it stands. */
  readonly exact: boolean;
  readonly logins: readonly string[];
}

/** What a listing is made from. */
export interface ListingFacts {
  readonly user: string;
  readonly world: World;
  /** The person's address; grants that do not list it are left out. Absent: from anywhere. */
  readonly source?: string;
  announcedTargets(cluster: string): readonly AnnouncedTarget[];
}

/**
 * Everything that grants in force name in clusters that have a key, sorted by cluster and host. Logins on one
 * host with different terms are entries of their own.
 */
export function listGranted(facts: ListingFacts): readonly GrantedTarget[] {
  const { user, world, source } = facts;
  const grants = world
    .grantsOf(user)
    .filter((grant) => grantStanding(grant, world.now) === "in-force" && listsSource(grant, source));
  return world
    .clusters()
    .filter((cluster) => cluster.authorities.length > 0)
    .flatMap((cluster) => listCluster(cluster, grants, facts.announcedTargets(cluster.name)))
    .toSorted((a, b) => order(a.cluster, b.cluster) || order(a.host, b.host));
}

/** The same without the terms: one entry a host, and nothing in clusters that are suspended. */
export function listReachable(
  user: string,
  world: World,
  announcedTargets: (cluster: string) => readonly AnnouncedTarget[],
): readonly ReachableTarget[] {
  const hosts = new Map<string, ReachableTarget>();
  for (const { cluster, host, exact, logins, suspended } of listGranted({ user, world, announcedTargets })) {
    if (suspended) continue;
    const name = `${host}.${cluster}`;
    const all = new Set([...(hosts.get(name)?.logins ?? []), ...logins]);
    hosts.set(name, { cluster, host, exact, logins: [...all].toSorted(order) });
  }
  return [...hosts.values()];
}

function listsSource(grant: Grant, source: string | undefined): boolean {
  return source === undefined || grant.sourceRanges.length === 0 || rangesContain(grant.sourceRanges, source);
}

function listCluster(
  cluster: ClusterTrust,
  grants: readonly Grant[],
  announced: readonly AnnouncedTarget[],
): readonly GrantedTarget[] {
  const entries = new Map<string, GrantedTarget>();
  for (const grant of grants.filter((g) => grantNamesCluster(g, cluster))) {
    for (const { host, ports } of grant.targets.flatMap((target) => hostsOf(target, announced))) {
      const terms = termsOf(grant, ports);
      const key = JSON.stringify([host, terms]);
      const logins = [...new Set([...(entries.get(key)?.logins ?? []), ...grant.logins])].toSorted(order);
      const place = { cluster: cluster.name, host, exact: isLiteralHost(host), suspended: cluster.suspend };
      entries.set(key, { ...place, logins, ...terms });
    }
  }
  return [...entries.values()];
}

function termsOf(grant: Grant, ports: GrantTerms["ports"]): GrantTerms {
  const { permissions, secondFactor, expirationTime } = grant;
  return {
    ports,
    permissions,
    secondFactor,
    ...(expirationTime === undefined ? {} : { expires: expirationTime }),
  };
}

function hostsOf(
  { host: pattern, ports }: Grant["targets"][number],
  announced: readonly AnnouncedTarget[],
): readonly { readonly host: string; readonly ports: GrantTerms["ports"] }[] {
  if (isLiteralHost(pattern)) return [{ host: pattern, ports }];
  const hosts = announced
    .filter((target) => isLiteralHost(target.host) && globMatches(pattern, target.host))
    .map((target) => ({ host: target.host, ports }));
  return hosts.length > 0 ? hosts : [{ host: pattern, ports }];
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
