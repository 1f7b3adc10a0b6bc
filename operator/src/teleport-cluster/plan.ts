/**
 * What a TeleportCluster should be: pure. Where the facts come from and how the
 * plan is carried out: reconcile.ts here and in the parent folder.
 */
import type { TeleportCluster } from "@teleport-access/crd";
import { ConfigError, parseDuration } from "@teleport-access/daemon";
import { parseAgentConfig, type AgentConfig } from "@teleport-access/wire";
import {
  authorityStatus,
  decideAuthority,
  keysInForce,
  rememberAuthority,
  type AuthorityMemory,
  type AuthorityState,
  type PublishedKey,
} from "../ca/authority.ts";
import { HOST_KEY, HOST_KEY_CERT, readHostKey } from "../ca/host-key.ts";
import { decideHostCertificate, MIN_TTL_SECONDS, type HostCertificateState } from "../ca/host-certificate.ts";
import { isMadeFor, ownerOf, secretText, type ConfigMap, type Deployment, type Secret } from "../objects.ts";
import { objectId, wake, type Order, type Plan, type Release } from "../plan.ts";
import type { OperandImage } from "../pod-template.ts";
import { account, disruptionBudget, workloadStatus } from "../workload.ts";
import {
  agentConfigMap,
  agentDeployment,
  agentNetworkPolicy,
  agentReportConfigMap,
  agentRules,
  agentWorkload,
  hostCaConfigMap,
  sshdConfigMap,
} from "./manifests.ts";
import {
  agentConfigMapName,
  agentHostSecretName,
  hostCaConfigMapName,
  hostCaSecretKey,
  hostCaSecretName,
} from "./names.ts";
import { planConditions, proxyStatuses } from "./conditions.ts";
import { resolveProxies, type ProxyProblem, type ProxySources } from "./proxies.ts";
import { connectionOf, goneReporters, readReports, type ProxyConnection } from "./report.ts";

export interface TeleportClusterInput {
  readonly cluster: TeleportCluster;
  readonly operand: OperandImage;
  readonly now: Date;
  readonly hostCaSecret: Secret | undefined;
  readonly agentHostSecret: Secret | undefined;
  /** ConfigMap `<cluster>-host-ca-pub`. */
  readonly published: ConfigMap | undefined;
  /** ConfigMap `<cluster>-agent-config`: the last good state of each proxy entry. */
  readonly agentConfig: ConfigMap | undefined;
  readonly agentReport: ConfigMap | undefined;
  readonly deployment: Deployment | undefined;
  /** Names of the agent pods that exist. */
  readonly pods: ReadonlySet<string>;
  readonly sources: Omit<ProxySources, "lastGood">;
}

/** What was found out; conditions.ts turns it into words. */
export interface ClusterFacts {
  readonly cluster: TeleportCluster;
  readonly now: Date;
  readonly memory: AuthorityMemory | undefined;
  readonly authority: AuthorityState;
  readonly certificate: HostCertificateState;
  /** Why Secret `<cluster>-agent-host` cannot be used. */
  readonly obstacle: { readonly reason: "NameConflict" | "InvalidKey"; readonly message: string } | undefined;
  readonly config: AgentConfig;
  readonly problems: readonly (ProxyProblem | { readonly reason: "InvalidSpec"; readonly message: string })[];
  readonly connections: readonly ProxyConnection[];
  readonly agentPods: number;
  readonly deployment: Deployment | undefined;
}

export function planTeleportCluster(input: TeleportClusterInput): Plan {
  const facts = gatherFacts(input);
  const { authority, memory, certificate } = facts;
  const publicKeys = keysInForce(authority, memory);
  const objects = publicKeys === undefined ? [] : planObjects(input, facts, publicKeys);
  const { name } = input.cluster.metadata;
  return {
    orders: planOrders(input, facts),
    objects,
    keep: [`Secret/${hostCaSecretName(input.cluster)}`, `Secret/${agentHostSecretName(name)}`],
    complete: objects.some((object) => object.kind === "Deployment"),
    refresh: {
      instance: name,
      component: "cluster-agent",
      versions: mountedVersions(input),
      mounted: objects.filter((o) => o.metadata.name === agentConfigMapName(name)).map(objectId),
    },
    releases: planReleases(input),
    status: {
      hostCA: authorityStatus({
        authority,
        memory,
        secretName: hostCaSecretName(input.cluster),
        configMapName: hostCaConfigMapName(name),
        request: input.cluster.spec.hostCA.rotation.request,
        observedRequest: input.cluster.status?.hostCA?.rotation?.observedRequest,
      }),
      agent: workloadStatus(input.deployment),
      proxies: proxyStatuses(facts),
    },
    conditions: planConditions(facts),
    ...wake(certificate.facts?.renewAt),
  };
}

function gatherFacts(input: TeleportClusterInput): ClusterFacts {
  const { cluster, now } = input;
  const memory = rememberAuthority(cluster.status?.hostCA, input.published);
  const authority = inspectAuthority(input, memory);
  const { config, problems } = planAgentConfig(input);
  const reports = readReports(input.agentReport, input.pods);
  return {
    cluster,
    now,
    memory,
    authority,
    certificate: decideHostCertificate(
      secretText(input.agentHostSecret, HOST_KEY_CERT)?.trim(),
      {
        publicKey: readHostKey(input.agentHostSecret)?.publicKey,
        principals: [cluster.spec.clusterName],
        authorityFingerprint:
          authority.state === "ready" ? authority.fingerprint : (memory?.fingerprint ?? ""),
        ttlSeconds: certificateTtl(cluster),
      },
      now,
    ),
    obstacle: findObstacle(input),
    config,
    problems: [...problems, ...ttlProblems(cluster)],
    connections: cluster.spec.proxies.map((proxy) => connectionOf(proxy.name, reports)),
    agentPods: input.pods.size,
    deployment: input.deployment,
  };
}

function inspectAuthority(input: TeleportClusterInput, memory: AuthorityMemory | undefined): AuthorityState {
  const { cluster, hostCaSecret } = input;
  const provided = cluster.spec.hostCA.existingSecretRef !== undefined;
  return decideAuthority({
    field: "spec.hostCA",
    secretName: hostCaSecretName(cluster),
    secretKey: hostCaSecretKey(cluster),
    provided,
    secret: hostCaSecret,
    foreign: isForeign(input),
    memory,
    request: cluster.spec.hostCA.rotation.request,
  });
}

/** Whether the host CA's Secret lacks the operator's mark though it should have it. */
function isForeign({ cluster, hostCaSecret }: TeleportClusterInput): boolean {
  if (hostCaSecret === undefined || cluster.spec.hostCA.existingSecretRef !== undefined) return false;
  return !isMadeFor(hostCaSecret, ownerOf("TeleportCluster", cluster));
}

function findObstacle({ cluster, agentHostSecret }: TeleportClusterInput): ClusterFacts["obstacle"] {
  if (agentHostSecret === undefined) return undefined;
  const { name } = agentHostSecret.metadata;
  if (!isMadeFor(agentHostSecret, ownerOf("TeleportCluster", cluster))) {
    const message = `Secret ${name} exists and was not made for this object; rename or delete it`;
    return { reason: "NameConflict", message };
  }
  const unreadable =
    secretText(agentHostSecret, HOST_KEY) !== undefined && readHostKey(agentHostSecret) === undefined;
  if (!unreadable) return undefined;
  return {
    reason: "InvalidKey",
    message: `${HOST_KEY} in Secret ${name} cannot be read; restore or delete the Secret`,
  };
}

/** What is too short is taken as the shortest, and named in Ready. */
function certificateTtl(cluster: TeleportCluster): number {
  return Math.max(MIN_TTL_SECONDS, parseDuration(cluster.spec.hostCertificateTTL, "spec.hostCertificateTTL"));
}

function ttlProblems({ spec }: TeleportCluster): ClusterFacts["problems"] {
  if (parseDuration(spec.hostCertificateTTL, "spec.hostCertificateTTL") >= MIN_TTL_SECONDS) return [];
  const message = `spec.hostCertificateTTL is ${spec.hostCertificateTTL}; give at least ${MIN_TTL_SECONDS}s`;
  return [{ reason: "InvalidSpec", message }];
}

function planOrders(input: TeleportClusterInput, facts: ClusterFacts): Order[] {
  const { cluster } = input;
  const owner = ownerOf("TeleportCluster", cluster);
  const { authority } = facts;
  if (authority.state === "to-make") {
    return [
      {
        make: "authority",
        owner,
        component: "cluster-agent",
        secretName: hostCaSecretName(cluster),
        algorithm: cluster.spec.hostCA.algorithm,
        retain: cluster.spec.hostCA.deletionPolicy === "Retain",
        comment: `teleport-access host CA of ${cluster.spec.clusterName}`,
      },
    ];
  }
  if (authority.state === "ready" && isForeign(input)) {
    return [{ make: "adoption", owner, component: "cluster-agent", secretName: hostCaSecretName(cluster) }];
  }
  // Nothing is signed while the authority is in doubt.
  if (authority.state !== "ready" || facts.certificate.state === "good" || facts.obstacle !== undefined)
    return [];
  return [
    {
      make: "host-certificate",
      owner,
      component: "cluster-agent",
      secretName: agentHostSecretName(cluster.metadata.name),
      keyId: `agent of ${cluster.spec.clusterName}`,
      principals: [cluster.spec.clusterName],
      ttlSeconds: certificateTtl(cluster),
      authority: {
        secretName: hostCaSecretName(cluster),
        secretKey: hostCaSecretKey(cluster),
        fingerprint: authority.fingerprint,
      },
      files: {},
    },
  ];
}

/** The configuration of the agents; with the last good form of what is wrong in spec now. */
function planAgentConfig(input: TeleportClusterInput): Pick<ClusterFacts, "config" | "problems"> {
  const { cluster, sources } = input;
  const current = readAgentConfig(input.agentConfig);
  const resolved = resolveProxies(cluster.spec.proxies, { ...sources, lastGood: current?.proxies ?? [] });
  const targets = cluster.spec.agent.targets ?? [];
  const wanted = {
    cluster: cluster.spec.clusterName,
    proxies: resolved.proxies,
    targets: targets.map(({ host, ports = [], address }) => ({
      host,
      ports,
      ...(address === undefined ? {} : { address }),
    })),
  };
  try {
    return { config: parseAgentConfig(wanted), problems: resolved.problems };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problem = { reason: "InvalidSpec" as const, message: `spec.${error.message}` };
    const config = current ?? { ...wanted, proxies: [], targets: [] };
    return { config, problems: [...resolved.problems, problem] };
  }
}

function readAgentConfig(found: ConfigMap | undefined): AgentConfig | undefined {
  try {
    return parseAgentConfig(JSON.parse(found?.data?.["config.json"] ?? ""));
  } catch {
    return undefined;
  }
}

function planObjects(
  input: TeleportClusterInput,
  facts: ClusterFacts,
  publicKeys: readonly PublishedKey[],
): Plan["objects"] {
  const { cluster, operand } = input;
  const workload = agentWorkload(cluster);
  const always = [
    hostCaConfigMap(
      cluster,
      publicKeys.map((k) => k.key),
    ),
    agentConfigMap(cluster, facts.config),
    agentReportConfigMap(cluster),
    sshdConfigMap(cluster, facts.config),
    ...account(workload, agentRules(cluster), cluster.spec.agent.pod.serviceAccountAnnotations),
    ...agentNetworkPolicy(cluster),
  ];
  // As with a proxy: pods of a first rollout wait until all they mount is there.
  if (input.deployment === undefined && facts.certificate.facts === undefined) return always;
  return [...always, ...disruptionBudget(workload), agentDeployment(cluster, operand)];
}

function planReleases({ agentReport, pods }: TeleportClusterInput): Release[] {
  if (agentReport === undefined) return [];
  const { name, uid = "" } = agentReport.metadata;
  return goneReporters(agentReport, pods).map((pod) => ({
    kind: "ConfigMap",
    name,
    uid,
    // As the agent cuts it (cluster-agent/src/reporter.ts).
    fieldManager: `teleport-access-agent/${pod}`.slice(0, 128),
  }));
}

function mountedVersions({ agentHostSecret }: TeleportClusterInput): Record<string, string> {
  if (agentHostSecret === undefined) return {};
  return { [`Secret/${agentHostSecret.metadata.name}`]: agentHostSecret.metadata.resourceVersion ?? "" };
}
