/**
 * Generated from crds/trustedhostcas.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A TrustedHostCA is the trust of this namespace's proxies in one remote cluster. metadata.name is the
 * cluster's name: at most 63 characters, no dots.
 */
export interface TrustedHostCA {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "TrustedHostCA";
  readonly metadata: ObjectMeta;
  /** What you want. Give exactly one of publicKeys, publicKeysFrom and clusterRef. */
  readonly spec: TrustedHostCASpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: TrustedHostCAStatus;
}

/** What you want. Give exactly one of publicKeys, publicKeysFrom and clusterRef. */
export interface TrustedHostCASpec {
  /**
   * Host CA public keys of the remote cluster: its TeleportCluster status.hostCA.publicKeys[].key. Two
   * while it rotates.
   */
  readonly publicKeys?: readonly string[];
  /**
   * Reads the host CA public keys from an object of this namespace instead; exactly one of
   * configMapKeyRef and secretKeyRef. Changes are followed within a second.
   */
  readonly publicKeysFrom?: TrustedHostCASpecPublicKeysFrom;
  /** A TeleportCluster of this namespace, whose keys are then followed. For labs and single-team set-ups. */
  readonly clusterRef?: TrustedHostCASpecClusterRef;
  /**
   * Scoped: certificates carry login@cluster for this cluster. Plain: they carry the bare login, which
   * every server that reads bare logins accepts, in any cluster; only for estates whose sshd cannot be
   * changed. Default: Scoped.
   */
  readonly principals: "Scoped" | "Plain";
  /**
   * Tunnels of this cluster that one proxy pod holds at most. Each agent pod opens two or more. Default:
   * 16.
   */
  readonly maxTunnels: number;
  /** Networks in CIDR notation that agents may connect from. Empty: from anywhere. */
  readonly sourceRanges?: readonly string[];
  /** true ends this cluster's tunnels and everybody's sessions in it at once, and refuses new ones. */
  readonly suspend: boolean;
}

/**
 * Reads the host CA public keys from an object of this namespace instead; exactly one of
 * configMapKeyRef and secretKeyRef. Changes are followed within a second.
 */
export interface TrustedHostCASpecPublicKeysFrom {
  /** A ConfigMap with OpenSSH public key lines. */
  readonly configMapKeyRef?: TrustedHostCASpecPublicKeysFromConfigMapKeyRef;
  /** A Secret with OpenSSH public key lines. */
  readonly secretKeyRef?: TrustedHostCASpecPublicKeysFromSecretKeyRef;
}

/** A ConfigMap with OpenSSH public key lines. */
export interface TrustedHostCASpecPublicKeysFromConfigMapKeyRef {
  /** Name of the ConfigMap in this namespace. */
  readonly name: string;
  /** Key in the ConfigMap. Default: ca.pub. */
  readonly key: string;
}

/** A Secret with OpenSSH public key lines. */
export interface TrustedHostCASpecPublicKeysFromSecretKeyRef {
  /** Name of the Secret in this namespace. */
  readonly name: string;
  /** Key in the Secret. Default: ca.pub. */
  readonly key: string;
}

/** A TeleportCluster of this namespace, whose keys are then followed. For labs and single-team set-ups. */
export interface TrustedHostCASpecClusterRef {
  /** Name of the TeleportCluster. Its spec.clusterName must equal this object's name. */
  readonly name: string;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface TrustedHostCAStatus {
  /**
   * The metadata.generation that this status describes. When it is smaller than metadata.generation, the
   * operator has not looked at your last change yet.
   */
  readonly observedGeneration?: number;
  /**
   * What is true of this object now. Ready sums the others up: wait for it with kubectl wait
   * --for=condition=Ready.
   */
  readonly conditions?: readonly Condition[];
  /** The host CA public keys in force, from spec.publicKeys, publicKeysFrom or clusterRef. */
  readonly publicKeys?: readonly string[];
  /** SHA256 fingerprints of the keys in force. Compare them with the cluster owner's. */
  readonly fingerprints?: readonly string[];
  /** Tunnels at all proxy pods together. */
  readonly connectedTunnels?: number;
  /** When a tunnel was last opened. */
  readonly lastConnectTime?: string;
  /** What each proxy pod sees. Each pod writes its own entry. */
  readonly proxies?: readonly TrustedHostCAStatusProxy[];
}

export interface TrustedHostCAStatusProxy {
  /** Name of the proxy pod. */
  readonly pod: string;
  /** Tunnels of this cluster at that pod. */
  readonly tunnels?: number;
  /** When the pod wrote this entry. */
  readonly lastUpdateTime?: string;
}
