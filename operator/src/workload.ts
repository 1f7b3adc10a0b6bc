/**
 * What a proxy's and a cluster's pods need besides their template: Deployment,
 * ServiceAccount, RoleBinding, disruption budget; and what their Deployment reports.
 */
import type { ConditionType } from "@teleport-access/crd";
import {
  childMetadata,
  selectorLabels,
  type Component,
  type Deployment,
  type Manifest,
  type Owner,
  type RoleRule,
} from "./objects.ts";
import type { PlannedCondition } from "./plan.ts";
import { OPERATOR_VERSION } from "./version.ts";

export interface Workload {
  readonly owner: Owner;
  readonly component: Component;
  /** Name of the Deployment, its NetworkPolicy and its disruption budget. */
  readonly name: string;
  /** Name of ServiceAccount, Role and RoleBinding. */
  readonly accountName: string;
  readonly replicas: number;
}

export function deployment(workload: Workload, template: Readonly<Record<string, unknown>>): Manifest {
  const { owner, component, name, replicas } = workload;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: childMetadata(owner, name, component),
    spec: {
      replicas,
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorLabels(owner.name, component) },
      // A new pod first: people's sessions and the agents' tunnels need somewhere to go.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template,
    },
  };
}

/** ServiceAccount, Role with exactly `rules`, and their binding. */
export function account(
  workload: Workload,
  rules: readonly RoleRule[],
  annotations: Readonly<Record<string, string>> = {},
): Manifest[] {
  const { owner, component, accountName: name } = workload;
  const metadata = childMetadata(owner, name, component);
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: childMetadata(owner, name, component, { annotations }),
      automountServiceAccountToken: false,
    },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: owner.namespace }],
    },
  ];
}

/** Lets one pod at a time be away; pointless, and in the way of node drains, for a single pod. */
export function disruptionBudget(workload: Workload): Manifest[] {
  if (workload.replicas < 2) return [];
  const { owner, component, name } = workload;
  return [
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: childMetadata(owner, name, component),
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: selectorLabels(owner.name, component) },
        // A pod that is not ready serves nobody: it must not hold up a node drain.
        unhealthyPodEvictionPolicy: "AlwaysAllow",
      },
    },
  ];
}

/** Ingress to the pods on `ports` only; no ports: none at all. */
export function networkPolicy(workload: Workload, ports: readonly number[]): Manifest {
  const { owner, component, name } = workload;
  const ingress = ports.length === 0 ? [] : [{ ports: ports.map((port) => ({ port, protocol: "TCP" })) }];
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: childMetadata(owner, name, component),
    spec: {
      podSelector: { matchLabels: selectorLabels(owner.name, component) },
      policyTypes: ["Ingress"],
      // An absent list and an empty one mean the same; an apply of [] would never compare equal.
      ...(ingress.length > 0 ? { ingress } : {}),
    },
  };
}

/** The part of status that mirrors a Deployment. */
export function workloadStatus(found: Deployment | undefined): Record<string, unknown> {
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = found?.status ?? {};
  return { replicas, readyReplicas, updatedReplicas, version: OPERATOR_VERSION };
}

/** Whether enough pods run the current template: the condition `type`. */
export function availability(
  type: ConditionType,
  found: Deployment | undefined,
  wanted: number,
): PlannedCondition {
  if (found === undefined || !isObserved(found)) {
    return { type, status: "Unknown", reason: "InProgress", message: "the Deployment is being set up" };
  }
  if (wanted === 0) {
    return { type, status: "True", reason: "ScaledToZero", message: "replicas is 0: nothing runs" };
  }
  const { readyReplicas = 0, updatedReplicas = 0 } = found.status ?? {};
  const { name } = found.metadata;
  const needed = Math.max(1, wanted - 1);
  if (readyReplicas < needed) {
    const message = `fewer than ${needed} of ${wanted} pods are ready; look at the pods of Deployment ${name}`;
    return { type, status: "False", reason: "MinimumReplicasUnavailable", message };
  }
  if (updatedReplicas < wanted) {
    const message = `the pods of Deployment ${name} are being replaced`;
    return { type, status: "True", reason: "RolloutInProgress", message };
  }
  const message = `at least ${needed} of ${wanted} pods are ready`;
  return { type, status: "True", reason: "MinimumReplicasAvailable", message };
}

/** Whether the status of a Deployment is about its current spec. */
function isObserved({ metadata, status }: Deployment): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}
