/** Names of the objects that a TeleportCluster brings with it (crds.md, "Which object holds what"). */
import type { TeleportCluster } from "@teleport-access/crd";

export function hostCaSecretName(cluster: TeleportCluster): string {
  return cluster.spec.hostCA.existingSecretRef?.name ?? `${cluster.metadata.name}-host-ca`;
}

export function hostCaSecretKey(cluster: TeleportCluster): string {
  return cluster.spec.hostCA.existingSecretRef?.key ?? "ca.key";
}

export function hostCaConfigMapName(name: string): string {
  return `${name}-host-ca-pub`;
}

/** Name of the agents' Deployment and ServiceAccount, too. */
export function agentName(name: string): string {
  return `${name}-agent`;
}

export function agentConfigMapName(name: string): string {
  return `${name}-agent-config`;
}

export function agentReportConfigMapName(name: string): string {
  return `${name}-agent-report`;
}

export function agentHostSecretName(name: string): string {
  return `${name}-agent-host`;
}

export function sshdConfigMapName(name: string): string {
  return `${name}-sshd`;
}
