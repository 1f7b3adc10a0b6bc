/** What a TeleportCluster is told about itself: conditions and `status.proxies`. Pure. */
import { kubeTime } from "@teleport-access/kube";
import { isTrue, summarize, type PlannedCondition } from "../plan.ts";
import { availability } from "../workload.ts";
import { hostCaSecretName } from "./names.ts";
import type { ClusterFacts } from "./plan.ts";
import type { ProxyConnection } from "./report.ts";

export function planConditions(facts: ClusterFacts): PlannedCondition[] {
  const { cluster } = facts;
  const available = availability("AgentAvailable", facts.deployment, cluster.spec.agent.replicas);
  const tunnels = tunnelsConnected(facts);
  const parts = [hostCaReady(facts), hostCertificateValid(facts), available, tunnels];
  return [summarizeCluster(parts, facts), ...parts];
}

function summarizeCluster(parts: readonly PlannedCondition[], facts: ClusterFacts): PlannedCondition {
  const problem = facts.obstacle ?? facts.problems[0];
  if (problem !== undefined) {
    return { type: "Ready", status: "False", reason: problem.reason, message: problem.message };
  }
  const rollout = parts.find((part) => part.reason === "RolloutInProgress");
  if (rollout !== undefined && parts.every(isTrue)) {
    return { type: "Ready", status: "False", reason: rollout.reason, message: rollout.message };
  }
  // A cluster that is reached through some of its proxies or pods does its work.
  return summarize(parts.filter((part) => part.reason !== "PartlyConnected"));
}

function hostCaReady({ authority, cluster }: ClusterFacts): PlannedCondition {
  const type = "HostCAReady";
  switch (authority.state) {
    case "ready": {
      const message = `${authority.fingerprint} in Secret ${hostCaSecretName(cluster)} signs`;
      return { type, status: "True", reason: authority.reason, message };
    }
    case "to-make":
      return { type, status: "Unknown", reason: "InProgress", message: "the key is being made" };
    case "unusable":
      return { type, status: "False", reason: authority.reason, message: authority.message };
  }
}

function hostCertificateValid({ certificate, now, obstacle }: ClusterFacts): PlannedCondition {
  const type = "HostCertificateValid";
  const { facts } = certificate;
  if (obstacle !== undefined) return { type, status: "False", ...obstacle };
  if (facts === undefined) {
    const message = "there is no certificate for the agents yet; HostCAReady says why";
    return { type, status: "False", reason: "HostCAUnavailable", message };
  }
  const until = kubeTime(facts.notAfter);
  if (facts.notAfter <= now) {
    const message = `the agents' certificate expired at ${until} and could not be renewed; HostCAReady says why`;
    return { type, status: "False", reason: "CertificateExpired", message };
  }
  if (certificate.state === "due") {
    const message = `the agents' certificate ends at ${until} and could not be renewed yet; HostCAReady says why`;
    return { type, status: "True", reason: "CertificateExpiring", message };
  }
  return {
    type,
    status: "True",
    reason: "Issued",
    message: `the agents' certificate is good until ${until}`,
  };
}

function tunnelsConnected(facts: ClusterFacts): PlannedCondition {
  const type = "TunnelsConnected";
  const active = facts.config.proxies.filter((proxy) => !proxy.suspend).map((proxy) => proxy.name);
  if (active.length === 0) {
    const message = "every proxy is suspended or cannot be used; Ready says which";
    return { type, status: "False", reason: "NoProxies", message };
  }
  const connections = facts.connections.filter((connection) => active.includes(connection.name));
  const wanted = facts.cluster.spec.agent.replicas;
  const missing = connections.filter((connection) => connection.connectedPods < wanted);
  if (missing.length === 0) {
    return {
      type,
      status: "True",
      reason: "Connected",
      message: "every agent pod has tunnels to every proxy",
    };
  }
  const gaps = missing.map(({ name, connectedPods, lastError }) => {
    const why = lastError === undefined ? "" : ` (${lastError})`;
    return `${name}: ${connectedPods} of ${wanted} agent pods connected${why}`;
  });
  const none = connections.every((connection) => connection.connectedPods === 0);
  return {
    type,
    status: "False",
    reason: none ? "NotConnected" : "PartlyConnected",
    message: gaps.join("; "),
  };
}

/** `status.proxies`, in the order of spec. */
export function proxyStatuses(facts: ClusterFacts): Record<string, unknown>[] {
  const { spec, status } = facts.cluster;
  return spec.proxies.map(({ name, suspend }) => {
    const connection = facts.connections.find((c) => c.name === name) ?? { name, connectedPods: 0 };
    const known = status?.proxies?.find((p) => p.name === name)?.lastConnectTime;
    return proxyStatus(connection, suspend, known);
  });
}

function proxyStatus(
  { name, connectedPods, lastConnectTime, lastError }: ProxyConnection,
  suspend: boolean,
  known: string | undefined,
): Record<string, unknown> {
  const latest = lastConnectTime ?? known;
  const message = suspend ? "suspended" : lastError;
  return {
    name,
    connectedPods,
    ...(latest === undefined ? {} : { lastConnectTime: latest }),
    ...(message === undefined ? {} : { message }),
  };
}
