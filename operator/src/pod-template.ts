/**
 * The pod template that proxies and agents share: restricted Pod Security, spread
 * over hosts and zones, and the part of a template that the user may set.
 */
import type { Component } from "./objects.ts";
import { selectorLabels, standardLabels } from "./objects.ts";

/** The user of every image: not root, and the same number that the volumes are readable for. */
const USER_ID = 65532;
/** Owner and group may read, nobody may write. */
const KEY_FILE_MODE = 0o440;

/** `spec.pod` of a TeleportProxy, `spec.agent.pod` of a TeleportCluster. */
export interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Readonly<Record<string, unknown>>[];
  readonly affinity?: Readonly<Record<string, unknown>>;
  readonly topologySpreadConstraints?: readonly Readonly<Record<string, unknown>>[];
  readonly priorityClassName?: string;
  readonly resources?: {
    readonly requests?: Readonly<Record<string, number | string>>;
    readonly limits?: Readonly<Record<string, number | string>>;
  };
  readonly extraEnv?: readonly { readonly name: string }[];
  readonly terminationGracePeriodSeconds?: number;
}

/** The image that belongs to this operator, and how it is pulled. */
export interface OperandImage {
  readonly image: string;
  readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
}

export interface PodDescription {
  readonly instance: string;
  readonly component: Component;
  readonly serviceAccountName: string;
  readonly operand: OperandImage;
  readonly options: PodOptions;
  readonly annotations: Readonly<Record<string, string>>;
  readonly env: readonly Readonly<Record<string, unknown>>[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly probes: Readonly<Record<string, unknown>>;
  readonly volumes: readonly PodVolume[];
  readonly resources: Readonly<Record<string, unknown>>;
  readonly terminationGracePeriodSeconds: number;
}

/** A volume and where it is mounted. */
export interface PodVolume {
  readonly name: string;
  readonly mountPath: string;
  readonly source: Readonly<Record<string, unknown>>;
  readonly writable?: boolean;
}

/** A Secret as a directory of files. */
export function secretVolume(name: string, mountPath: string, secretName: string): PodVolume {
  return { name, mountPath, source: { secret: { secretName, defaultMode: KEY_FILE_MODE } } };
}

/** A ConfigMap as a directory of files. */
export function configMapVolume(name: string, mountPath: string, configMapName: string): PodVolume {
  return { name, mountPath, source: { configMap: { name: configMapName, defaultMode: 0o444 } } };
}

/** A value that the pod learns about itself. */
export function fieldEnv(name: string, fieldPath: string): Record<string, unknown> {
  return { name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } };
}

/** The pod template of a Deployment. */
export function podTemplate(pod: PodDescription): Record<string, unknown> {
  const { options } = pod;
  const annotations = { ...options.annotations, ...pod.annotations };
  return {
    metadata: {
      labels: { ...options.labels, ...standardLabels(pod.instance, pod.component) },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: {
      serviceAccountName: pod.serviceAccountName,
      automountServiceAccountToken: true,
      enableServiceLinks: false,
      terminationGracePeriodSeconds:
        options.terminationGracePeriodSeconds ?? pod.terminationGracePeriodSeconds,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: USER_ID,
        runAsGroup: USER_ID,
        fsGroup: USER_ID,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [container(pod)],
      volumes: pod.volumes.map(({ name, source }) => ({ name, ...source })),
      ...scheduling(pod),
    },
  };
}

function container(pod: PodDescription): Record<string, unknown> {
  const { options, operand } = pod;
  return {
    name: pod.component,
    image: options.image ?? operand.image,
    imagePullPolicy: options.imagePullPolicy ?? operand.pullPolicy,
    ...(pod.ports.length > 0 ? { ports: pod.ports.map((port) => ({ ...port, protocol: "TCP" })) } : {}),
    env: [...pod.env, ...(options.extraEnv ?? [])],
    ...pod.probes,
    resources: options.resources ?? pod.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: pod.volumes.map(({ name, mountPath, writable = false }) => ({
      name,
      mountPath,
      ...(writable ? {} : { readOnly: true }),
    })),
  };
}

function scheduling(pod: PodDescription): Record<string, unknown> {
  const { imagePullSecrets, nodeSelector, tolerations, affinity, priorityClassName } = pod.options;
  const given = { imagePullSecrets, nodeSelector, tolerations, affinity, priorityClassName };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    topologySpreadConstraints:
      pod.options.topologySpreadConstraints ??
      ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: selectorLabels(pod.instance, pod.component) },
      })),
  };
}
