/** The objects of a TeleportCluster. When they are made is plan.ts's business. */
import type { TeleportCluster } from "@teleport-access/crd";
import type { AgentConfig } from "@teleport-access/wire";
import { CA_PUB } from "../ca/authority.ts";
import { childMetadata, ownerOf, type Manifest, type RoleRule } from "../objects.ts";
import {
  configMapVolume,
  fieldEnv,
  podTemplate,
  secretVolume,
  type OperandImage,
  type PodVolume,
} from "../pod-template.ts";
import { deployment, networkPolicy, type Workload } from "../workload.ts";
import {
  agentConfigMapName,
  agentHostSecretName,
  agentName,
  agentReportConfigMapName,
  hostCaConfigMapName,
  sshdConfigMapName,
} from "./names.ts";
import { HOST_PLACEHOLDER, sshdConfig, sshdReadme, trustedUserCaKeys } from "./sshd.ts";

const CONFIG_DIR = "/etc/teleport-access";
/** Where the agent tells its probe how it is. */
const RUN_DIR = "/run/teleport-access";

export function agentWorkload(cluster: TeleportCluster): Workload {
  const name = agentName(cluster.metadata.name);
  return {
    owner: ownerOf("TeleportCluster", cluster),
    component: "cluster-agent",
    name,
    accountName: name,
    replicas: cluster.spec.agent.replicas,
  };
}

export function hostCaConfigMap(cluster: TeleportCluster, keyLines: readonly string[]): Manifest {
  const data = { [CA_PUB]: keyLines.map((line) => `${line}\n`).join("") };
  return configMap(cluster, hostCaConfigMapName(cluster.metadata.name), data);
}

export function agentConfigMap(cluster: TeleportCluster, config: AgentConfig): Manifest {
  const data = { "config.json": `${JSON.stringify(config, undefined, 2)}\n` };
  return configMap(cluster, agentConfigMapName(cluster.metadata.name), data);
}

/** Empty: the agents own its keys, one each. */
export function agentReportConfigMap(cluster: TeleportCluster): Manifest {
  return configMap(cluster, agentReportConfigMapName(cluster.metadata.name));
}

export function sshdConfigMap(cluster: TeleportCluster, config: AgentConfig): Manifest {
  const { clusterName } = cluster.spec;
  return configMap(cluster, sshdConfigMapName(cluster.metadata.name), {
    "teleport_user_ca.pub": trustedUserCaKeys(config.proxies),
    sshd_config: sshdConfig(clusterName, [HOST_PLACEHOLDER]),
    README: sshdReadme(clusterName),
  });
}

function configMap(
  cluster: TeleportCluster,
  name: string,
  data?: Readonly<Record<string, string>>,
): Manifest {
  const metadata = childMetadata(ownerOf("TeleportCluster", cluster), name, "cluster-agent");
  return { apiVersion: "v1", kind: "ConfigMap", metadata, ...(data === undefined ? {} : { data }) };
}

/** Denies all ingress: an agent listens nowhere, and this keeps it true whatever runs in its pod. */
export function agentNetworkPolicy(cluster: TeleportCluster): Manifest[] {
  if (cluster.spec.agent.networkPolicy.mode === "Disabled") return [];
  return [networkPolicy(agentWorkload(cluster), [])];
}

/** An agent watches its configuration and writes its report, each by name; nothing else. */
export function agentRules(cluster: TeleportCluster): RoleRule[] {
  const { name } = cluster.metadata;
  return [
    configMapRule(agentConfigMapName(name), ["get", "list", "watch"]),
    configMapRule(agentReportConfigMapName(name), ["patch"]),
  ];
}

function configMapRule(name: string, verbs: readonly string[]): RoleRule {
  return { apiGroups: [""], resources: ["configmaps"], resourceNames: [name], verbs };
}

export function agentDeployment(cluster: TeleportCluster, operand: OperandImage): Manifest {
  const { name } = cluster.metadata;
  const workload = agentWorkload(cluster);
  const template = podTemplate({
    instance: name,
    component: "cluster-agent",
    serviceAccountName: workload.accountName,
    operand,
    options: cluster.spec.agent.pod,
    annotations: {},
    env: [
      fieldEnv("POD_NAME", "metadata.name"),
      fieldEnv("POD_NAMESPACE", "metadata.namespace"),
      { name: "CONFIG_DIR", value: CONFIG_DIR },
      { name: "AGENT_CONFIG_MAP", value: agentConfigMapName(name) },
      { name: "AGENT_REPORT_CONFIG_MAP", value: agentReportConfigMapName(name) },
    ],
    ports: [],
    probes: {
      startupProbe: probe("live", { periodSeconds: 1, failureThreshold: 60 }),
      readinessProbe: probe("ready", { periodSeconds: 5, failureThreshold: 2 }),
      livenessProbe: probe("live", { periodSeconds: 20, failureThreshold: 3 }),
    },
    volumes: [
      configMapVolume("config", `${CONFIG_DIR}/config`, agentConfigMapName(name)),
      secretVolume("host", `${CONFIG_DIR}/host`, agentHostSecretName(name)),
      runVolume(),
    ],
    resources: { requests: { cpu: "20m", memory: "96Mi" }, limits: { memory: "512Mi" } },
    terminationGracePeriodSeconds: 30,
  });
  return deployment(workload, template);
}

function runVolume(): PodVolume {
  return {
    name: "run",
    mountPath: RUN_DIR,
    source: { emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
    writable: true,
  };
}

/** A program, not a port: nothing in the pod listens. */
function probe(
  question: "live" | "ready",
  timing: Readonly<Record<string, number>>,
): Record<string, unknown> {
  const command = ["/usr/bin/node", "/app/probe.js", question];
  return { exec: { command }, timeoutSeconds: 5, successThreshold: 1, ...timing };
}
