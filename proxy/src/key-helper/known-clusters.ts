/**
 * Which clusters' host CAs a key-helper is told: those that the person's grants
 * name, from then on for as long as the cluster is trusted. A grant that ends does
 * not take a cluster's keys back: they are public, and without them ssh would say
 * "could not resolve" where the truth is "access denied".
 */
import { grantNamesCluster, grantStanding } from "@teleport-access/access";
import type { ClusterTrust, Grant } from "@teleport-access/access";
import { formatPublicKeyLine } from "@teleport-access/sshcert";
import type { ClusterHostKeys } from "@teleport-access/wire";

/** As many as one message may name. */
const MAX_CLUSTERS = 256;

/** The clusters to tell, sorted by name. `told` are the names that were told before. */
export function knownClusters(
  clusters: readonly ClusterTrust[],
  grants: readonly Grant[],
  told: ReadonlySet<string>,
  now: number,
): readonly ClusterHostKeys[] {
  const inForce = grants.filter((grant) => grantStanding(grant, now) === "in-force");
  return clusters
    .filter((cluster) => !cluster.suspend && cluster.authorities.length > 0)
    .filter((cluster) => told.has(cluster.name) || inForce.some((grant) => grantNamesCluster(grant, cluster)))
    .map((cluster) => ({
      cluster: cluster.name,
      keys: cluster.authorities.map((key) => formatPublicKeyLine(key)),
    }))
    .toSorted((a, b) => (a.cluster < b.cluster ? -1 : 1))
    .slice(0, MAX_CLUSTERS);
}
