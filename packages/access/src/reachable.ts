/**
 * What a person could reach now, for `ssh proxy` without a target and for the web
 * page. A listing, not a decision: each use is decided again.
 */
import { globMatches, isLiteralHost } from "./globs.ts";
import { grantStanding } from "./grant.ts";
import type { Grant } from "./grant.ts";
import { grantNamesCluster } from "./grant-matching.ts";
import type { AnnouncedTarget } from "./principals.ts";
import type { ClusterTrust, World } from "./world.ts";

/** Logins on one host, or on all hosts that match a pattern. */
export interface ReachableTarget {
  readonly cluster: string;
  /** Without the cluster; a glob where the agent announces no such host by name. */
  readonly host: string;
  /** Whether `host` is one host that can be typed as it stands. */
  readonly exact: boolean;
  readonly logins: readonly string[];
}

/** Everything that grants in force name in clusters that are trusted, sorted by cluster and host. */
export function listReachable(
  user: string,
  world: World,
  announcedTargets: (cluster: string) => readonly AnnouncedTarget[],
): readonly ReachableTarget[] {
  const grants = world.grantsOf(user).filter((grant) => grantStanding(grant, world.now) === "in-force");
  return world
    .clusters()
    .filter((cluster) => !cluster.suspend && cluster.authorities.length > 0)
    .flatMap((cluster) => listCluster(cluster, grants, announcedTargets(cluster.name)))
    .toSorted((a, b) => order(a.cluster, b.cluster) || order(a.host, b.host));
}

function listCluster(
  cluster: ClusterTrust,
  grants: readonly Grant[],
  announced: readonly AnnouncedTarget[],
): readonly ReachableTarget[] {
  const loginsOfHost = new Map<string, Set<string>>();
  for (const grant of grants.filter((g) => grantNamesCluster(g, cluster))) {
    for (const host of grant.targets.flatMap((target) => hostsOf(target.host, announced))) {
      const logins = loginsOfHost.get(host) ?? new Set();
      for (const login of grant.logins) logins.add(login);
      loginsOfHost.set(host, logins);
    }
  }
  return [...loginsOfHost].map(([host, logins]) => ({
    cluster: cluster.name,
    host,
    exact: isLiteralHost(host),
    logins: [...logins].toSorted(order),
  }));
}

function hostsOf(pattern: string, announced: readonly AnnouncedTarget[]): readonly string[] {
  if (isLiteralHost(pattern)) return [pattern];
  const hosts = announced
    .filter((target) => isLiteralHost(target.host) && globMatches(pattern, target.host))
    .map((target) => target.host);
  return hosts.length > 0 ? hosts : [pattern];
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
