/** Gathers the facts about a TeleportCluster. What follows from them is plan.ts's business. */
import type { TeleportCluster } from "@teleport-access/crd";
import { readReference, type Facts, type KindReconciler } from "../kind.ts";
import {
  COMPONENT_LABEL,
  INSTANCE_LABEL,
  ownerOf,
  type ConfigMap,
  type Owner,
  type Secret,
} from "../objects.ts";
import type { Plan } from "../plan.ts";
import { referenceOf, type ObjectReference } from "../public-keys.ts";
import {
  agentConfigMapName,
  agentHostSecretName,
  agentName,
  agentReportConfigMapName,
  hostCaConfigMapName,
  hostCaSecretName,
} from "./names.ts";
import { planTeleportCluster } from "./plan.ts";

export const teleportClusterKind: KindReconciler<TeleportCluster> = {
  kind: "TeleportCluster",
  plural: "teleportclusters",
  statusFields: ["hostCA", "agent", "proxies"],
  references,
  plan,
};

function references(cluster: TeleportCluster): ObjectReference[] {
  const { spec, status } = cluster;
  // A lost key may come back without the label by which Secrets are watched.
  const lost = status?.conditions?.some((c) => c.status === "False" && c.reason === "KeyMissing");
  const keySources = spec.proxies.flatMap((proxy) => proxy.userCAKeysFrom ?? []);
  return [
    ...keySources.flatMap((source) => referenceOf(source) ?? []),
    ...(lost === true || spec.hostCA.existingSecretRef !== undefined
      ? [{ kind: "Secret" as const, name: hostCaSecretName(cluster) }]
      : []),
  ];
}

async function plan(cluster: TeleportCluster, facts: Facts): Promise<Plan> {
  const owner = ownerOf("TeleportCluster", cluster);
  const { namespace, name } = owner;
  const { world } = facts;
  const [hostCaSecret, agentHostSecret, keySources] = await Promise.all([
    facts.ownSecret(owner, hostCaSecretName(cluster)),
    facts.ownSecret(owner, agentHostSecretName(name)),
    readKeySources(cluster, facts),
  ]);
  return planTeleportCluster({
    cluster,
    operand: facts.agentImage,
    now: facts.now,
    hostCaSecret,
    agentHostSecret,
    // A key is made only where nothing was published: that must not be a stale memory.
    published:
      hostCaSecret === undefined
        ? await facts.configMap(namespace, hostCaConfigMapName(name))
        : world.configMaps.get(namespace, hostCaConfigMapName(name)),
    agentConfig: world.configMaps.get(namespace, agentConfigMapName(name)),
    agentReport: world.configMaps.get(namespace, agentReportConfigMapName(name)),
    deployment: world.deployments.get(namespace, agentName(name)),
    pods: agentPods(owner, facts),
    sources: {
      keySource: (entry) => keySources.get(entry),
      proxy: (proxyName) => world.proxies.get(namespace, proxyName),
    },
  });
}

async function readKeySources(
  cluster: TeleportCluster,
  facts: Facts,
): Promise<ReadonlyMap<string, ConfigMap | Secret>> {
  const namespace = cluster.metadata.namespace ?? "";
  const found = new Map<string, ConfigMap | Secret>();
  for (const proxy of cluster.spec.proxies) {
    const reference = proxy.userCAKeysFrom === undefined ? undefined : referenceOf(proxy.userCAKeysFrom);
    if (reference === undefined) continue;
    const object = await readReference(namespace, reference, facts);
    if (object !== undefined) found.set(proxy.name, object);
  }
  return found;
}

/** The agent pods of a cluster that exist. */
function agentPods(owner: Owner, { world }: Pick<Facts, "world">): ReadonlySet<string> {
  const pods = world.pods.in(owner.namespace).filter(({ metadata: { labels = {} } }) => {
    return labels[INSTANCE_LABEL] === owner.name && labels[COMPONENT_LABEL] === "cluster-agent";
  });
  return new Set(pods.map((pod) => pod.metadata.name));
}
