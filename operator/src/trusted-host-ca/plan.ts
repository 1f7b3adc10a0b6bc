/**
 * What a TrustedHostCA amounts to: which keys are trusted now, and whether the
 * cluster is connected. Pure. It makes no objects; proxies read its status.
 */
import type { TeleportCluster, TrustedHostCA } from "@teleport-access/crd";
import { kubeTime } from "@teleport-access/kube";
import type { ConfigMap, Secret } from "../objects.ts";
import type { Plan, PlannedCondition, Release } from "../plan.ts";
import { readKeyLines, readKeySource } from "../public-keys.ts";

export interface TrustedHostCaInput {
  readonly trust: TrustedHostCA;
  readonly now: Date;
  /** The object that `publicKeysFrom` names. */
  readonly keySource: ConfigMap | Secret | undefined;
  /** The TeleportCluster that `clusterRef` names. */
  readonly cluster: TeleportCluster | undefined;
  /** Names of the proxy pods that exist. */
  readonly pods: ReadonlySet<string>;
}

interface Problem {
  readonly reason:
    "InvalidKey" | "SourceNotFound" | "ClusterNotFound" | "ClusterNameMismatch" | "DependencyNotReady";
  readonly message: string;
}

type Keys =
  | { readonly ok: true; readonly lines: readonly string[]; readonly fingerprints: readonly string[] }
  | ({ readonly ok: false } & Problem);

export function planTrustedHostCa(input: TrustedHostCaInput): Plan {
  const { status } = input.trust;
  const keys = resolveKeys(input);
  // A slip of the pen must not cut a cluster off: what was good stays in force and
  // Ready says what is wrong. Who wants a cluster out suspends or deletes the object.
  const inForce = keys.ok
    ? { publicKeys: keys.lines, fingerprints: keys.fingerprints }
    : { publicKeys: status?.publicKeys ?? [], fingerprints: status?.fingerprints ?? [] };
  const reported = (status?.proxies ?? []).filter((proxy) => input.pods.has(proxy.pod));
  const tunnels = reported.reduce((sum, proxy) => sum + (proxy.tunnels ?? 0), 0);
  const lastConnectTime = planLastConnectTime(input, tunnels);
  return {
    orders: [],
    objects: [],
    keep: [],
    complete: true,
    releases: planReleases(input),
    status: {
      ...inForce,
      connectedTunnels: tunnels,
      ...(lastConnectTime === undefined ? {} : { lastConnectTime }),
    },
    conditions: [ready(input, keys), connected(tunnels)],
  };
}

function resolveKeys({ trust, keySource, cluster }: TrustedHostCaInput): Keys {
  const { publicKeys, publicKeysFrom, clusterRef } = trust.spec;
  if (publicKeysFrom !== undefined) return readKeySource("spec.publicKeysFrom", publicKeysFrom, keySource);
  if (clusterRef !== undefined) return keysOfCluster(clusterRef.name, trust, cluster);
  return readKeyLines("spec.publicKeys", publicKeys ?? []);
}

function keysOfCluster(name: string, trust: TrustedHostCA, cluster: TeleportCluster | undefined): Keys {
  const reference = `TeleportCluster ${name} (spec.clusterRef)`;
  if (cluster === undefined) {
    return { ok: false, reason: "ClusterNotFound", message: `${reference} does not exist in this namespace` };
  }
  // The name is what people write behind the host, and what the agents' certificate must say.
  if (cluster.spec.clusterName !== trust.metadata.name) {
    const message = `${reference} has clusterName ${cluster.spec.clusterName}; name this object so, or refer to another`;
    return { ok: false, reason: "ClusterNameMismatch", message };
  }
  const lines = (cluster.status?.hostCA?.publicKeys ?? []).map((published) => published.key);
  if (lines.length === 0) {
    return {
      ok: false,
      reason: "DependencyNotReady",
      message: `${reference} has no host CA key yet; its status says why`,
    };
  }
  return readKeyLines(`${reference} status.hostCA.publicKeys`, lines);
}

function ready({ trust }: TrustedHostCaInput, keys: Keys): PlannedCondition {
  const type = "Ready";
  if (trust.spec.suspend) {
    const message = "suspended: no tunnel of this cluster is accepted; set spec.suspend to false to go on";
    return { type, status: "False", reason: "Suspended", message };
  }
  if (!keys.ok) return { type, status: "False", reason: keys.reason, message: keys.message };
  return { type, status: "True", reason: "Accepted", message: `trusts ${keys.fingerprints.join(", ")}` };
}

function connected(tunnels: number): PlannedCondition {
  const type = "Connected";
  if (tunnels > 0)
    return { type, status: "True", reason: "Connected", message: "at least one tunnel is open" };
  const message = "no proxy holds a tunnel of this cluster; look at the TeleportCluster on the other side";
  return { type, status: "False", reason: "NotConnected", message };
}

/** A pod that was killed could not take its entry back. */
function planReleases({ trust, pods }: TrustedHostCaInput): Release[] {
  const { name, uid = "" } = trust.metadata;
  const gone = (trust.status?.proxies ?? []).filter((proxy) => !pods.has(proxy.pod));
  return gone.map(({ pod }) => ({
    kind: "TrustedHostCA",
    name,
    uid,
    fieldManager: `teleport-access-proxy/${pod}`,
  }));
}

/** Set when the first tunnel comes up; the number of tunnels changes too often for a time each. */
function planLastConnectTime({ trust, now }: TrustedHostCaInput, tunnels: number): string | undefined {
  const before = trust.status?.conditions?.find((c) => c.type === "Connected")?.status === "True";
  const known = trust.status?.lastConnectTime;
  if (tunnels > 0 && (!before || known === undefined)) return kubeTime(now);
  return known;
}
