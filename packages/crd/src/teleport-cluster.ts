/**
 * Generated from crds/teleportclusters.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A TeleportCluster is a set of SSH servers under one host CA, and the agent that connects them to
 * proxies. The agent dials out; nothing listens.
 */
export interface TeleportCluster {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "TeleportCluster";
  readonly metadata: ObjectMeta;
  /** What you want. */
  readonly spec: TeleportClusterSpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: TeleportClusterStatus;
}

/** What you want. */
export interface TeleportClusterSpec {
  /**
   * Name of this cluster in certificates and in targets: web-1.prod is host web-1 of cluster prod. Equal
   * to the name of the TrustedHostCA at every proxy. No dots; cannot be changed.
   */
  readonly clusterName: string;
  /**
   * The host CA's key pair. The private half stays in one Secret of this namespace; it is never made
   * again by itself when that Secret is lost.
   */
  readonly hostCA: TeleportClusterSpecHostCA;
  /** Lifetime of the agent's own host certificate; it is renewed after two thirds of it. Default: 168h. */
  readonly hostCertificateTTL: string;
  /**
   * The proxies the agent connects to. Give each one either by address with its pinned keys, or by
   * proxyRef when it runs in this namespace.
   */
  readonly proxies: readonly TeleportClusterSpecProxy[];
  /** The agent Deployment. */
  readonly agent: TeleportClusterSpecAgent;
}

/**
 * The host CA's key pair. The private half stays in one Secret of this namespace; it is never made
 * again by itself when that Secret is lost.
 */
export interface TeleportClusterSpecHostCA {
  /**
   * Algorithm of keys made from now on; an existing key keeps its own until the next rotation. Default:
   * Ed25519.
   */
  readonly algorithm: "Ed25519" | "ECDSAP256" | "ECDSAP384" | "RSA3072";
  /**
   * A Secret with a private key of yours, instead of one that the operator makes. The operator only
   * reads it; you rotate it. Cannot be added or removed later.
   */
  readonly existingSecretRef?: TeleportClusterSpecHostCAExistingSecretRef;
  /** When and how the key is replaced by a new one. */
  readonly rotation: TeleportClusterSpecHostCARotation;
  /**
   * What happens to the private key's Secret when this object is deleted. Retain keeps it, so that
   * re-creating the object brings back the same CA. Default: Retain.
   */
  readonly deletionPolicy: "Retain" | "Delete";
}

/**
 * A Secret with a private key of yours, instead of one that the operator makes. The operator only
 * reads it; you rotate it. Cannot be added or removed later.
 */
export interface TeleportClusterSpecHostCAExistingSecretRef {
  /** Name of the Secret in this namespace. */
  readonly name: string;
  /**
   * Key in the Secret that holds the private key: PKCS#8 PEM or an OpenSSH private key without
   * passphrase. Default: ca.key.
   */
  readonly key: string;
}

/** When and how the key is replaced by a new one. */
export interface TeleportClusterSpecHostCARotation {
  /** Manual: rotate only when request changes. Scheduled: rotate every interval as well. Default: Manual. */
  readonly policy: "Manual" | "Scheduled";
  /** Time between rotations, such as 2160h. Needed with policy Scheduled, not used otherwise. */
  readonly interval?: string;
  /**
   * How long the next key is trusted before it signs, and the previous one after it stopped. At least as
   * long as the other side needs to take over the new public key. Default: 48h.
   */
  readonly overlap: string;
  /**
   * Change this string to ask for one rotation, for example to today's date. rollback/<n> goes back
   * while the previous key is kept; replace-lost-key/<fingerprint> makes a new key for one whose Secret
   * is gone.
   */
  readonly request?: string;
}

export interface TeleportClusterSpecProxy {
  /** A name of your choice for this proxy, used in status and logs. */
  readonly name: string;
  /**
   * host:port of the proxy's tunnel port: its TeleportProxy status.endpoints.tunnel. Where only HTTPS
   * gets out: wss://host or wss://host:port of its web port; the same SSH then runs in a WebSocket.
   * hostKeys prove the proxy either way, so the certificate of TLS is not looked at.
   */
  readonly address?: string;
  /**
   * The proxy's SSH host public keys: its TeleportProxy status.hostKeys. The agent connects to nobody
   * else.
   */
  readonly hostKeys?: readonly string[];
  /**
   * The proxy's user CA public keys: its TeleportProxy status.userCA.publicKeys[].key. Your servers let
   * in people certified by them.
   */
  readonly userCAKeys?: readonly string[];
  /**
   * Reads the proxy's user CA public keys from an object of this namespace instead; exactly one of
   * configMapKeyRef and secretKeyRef. Changes are followed within a second.
   */
  readonly userCAKeysFrom?: TeleportClusterSpecProxyUserCAKeysFrom;
  /**
   * A TeleportProxy of this namespace, whose address and keys are then followed. For labs and
   * single-team set-ups.
   */
  readonly proxyRef?: TeleportClusterSpecProxyProxyRef;
  /**
   * true cuts this proxy off within a second: tunnels end, and its user CA is no longer listed for your
   * servers.
   */
  readonly suspend: boolean;
}

/**
 * Reads the proxy's user CA public keys from an object of this namespace instead; exactly one of
 * configMapKeyRef and secretKeyRef. Changes are followed within a second.
 */
export interface TeleportClusterSpecProxyUserCAKeysFrom {
  /** A ConfigMap with OpenSSH public key lines. */
  readonly configMapKeyRef?: TeleportClusterSpecProxyUserCAKeysFromConfigMapKeyRef;
  /** A Secret with OpenSSH public key lines. */
  readonly secretKeyRef?: TeleportClusterSpecProxyUserCAKeysFromSecretKeyRef;
}

/** A ConfigMap with OpenSSH public key lines. */
export interface TeleportClusterSpecProxyUserCAKeysFromConfigMapKeyRef {
  /** Name of the ConfigMap in this namespace. */
  readonly name: string;
  /** Key in the ConfigMap. Default: ca.pub. */
  readonly key: string;
}

/** A Secret with OpenSSH public key lines. */
export interface TeleportClusterSpecProxyUserCAKeysFromSecretKeyRef {
  /** Name of the Secret in this namespace. */
  readonly name: string;
  /** Key in the Secret. Default: ca.pub. */
  readonly key: string;
}

/**
 * A TeleportProxy of this namespace, whose address and keys are then followed. For labs and
 * single-team set-ups.
 */
export interface TeleportClusterSpecProxyProxyRef {
  /** Name of the TeleportProxy. */
  readonly name: string;
}

/** The agent Deployment. */
export interface TeleportClusterSpecAgent {
  /** Number of agent pods. Each connects to every proxy replica. Default: 2. */
  readonly replicas: number;
  /** The only places the agent may connect to; without any it connects nowhere. */
  readonly targets?: readonly TeleportClusterSpecAgentTarget[];
  /** The NetworkPolicy of the agent pods. */
  readonly networkPolicy: TeleportClusterSpecAgentNetworkPolicy;
  /**
   * The part of the agent pods' template that you may set. What is not listed here (security context,
   * volumes, probes, ports) is the operator's.
   */
  readonly pod: TeleportClusterSpecAgentPod;
}

export interface TeleportClusterSpecAgentTarget {
  /**
   * A host name or IP address as people write it before the cluster's name; * matches any characters,
   * dots too, and ? one. A pattern never matches loopback, link-local or the API server, whatever the
   * name resolves to: list those exactly.
   */
  readonly host: string;
  /** Ports that may be dialled. Left out: 22. */
  readonly ports?: readonly number[];
  /** Name or address to dial instead of host, for example a Service. Only for a host without wildcards. */
  readonly address?: string;
}

/** The NetworkPolicy of the agent pods. */
export interface TeleportClusterSpecAgentNetworkPolicy {
  /**
   * Managed denies all connections to the agent pods. Disabled makes none; write your own then. Default:
   * Managed.
   */
  readonly mode: "Managed" | "Disabled";
}

/**
 * The part of the agent pods' template that you may set. What is not listed here (security context,
 * volumes, probes, ports) is the operator's.
 */
export interface TeleportClusterSpecAgentPod {
  /** Labels added to each pod. The operator's own app.kubernetes.io labels win. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations added to each pod, for example for a log collector. */
  readonly annotations?: Readonly<Record<string, string>>;
  /**
   * Image of the agent. Leave it out to run the version that belongs to the operator; the operator
   * refuses one that is too old for it.
   */
  readonly image?: string;
  /** When the kubelet pulls the image. Without it: IfNotPresent. */
  readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  /** Secrets of this namespace with the registry's credentials. */
  readonly imagePullSecrets?: readonly TeleportClusterSpecAgentPodImagePullSecret[];
  /** Labels that a node must have to run these pods. */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** Taints these pods tolerate; entries as in a pod's spec.tolerations. */
  readonly tolerations?: readonly Readonly<Record<string, unknown>>[];
  /** Scheduling preferences as in a pod's spec.affinity. */
  readonly affinity?: Readonly<Record<string, unknown>>;
  /**
   * How to spread the pods, as in a pod's spec. Without it they are spread over hosts and zones where
   * possible.
   */
  readonly topologySpreadConstraints?: readonly Readonly<Record<string, unknown>>[];
  /** PriorityClass of the pods. */
  readonly priorityClassName?: string;
  /** Annotations of the pods' ServiceAccount, for example for a cloud's workload identity. */
  readonly serviceAccountAnnotations?: Readonly<Record<string, string>>;
  /**
   * CPU and memory of the container. Without it the operator asks for a small request and sets no CPU
   * limit.
   */
  readonly resources?: TeleportClusterSpecAgentPodResources;
  /** Additional environment variables of the container; entries as in a container's env. */
  readonly extraEnv?: readonly TeleportClusterSpecAgentPodExtraEnv[];
  /** How long a stopping pod may take to let its sessions end before they are cut. */
  readonly terminationGracePeriodSeconds?: number;
}

export interface TeleportClusterSpecAgentPodImagePullSecret {
  /** Name of a Secret of type kubernetes.io/dockerconfigjson in this namespace. */
  readonly name: string;
}

/**
 * CPU and memory of the container. Without it the operator asks for a small request and sets no CPU
 * limit.
 */
export interface TeleportClusterSpecAgentPodResources {
  /** What the scheduler reserves, for example cpu: 100m and memory: 128Mi. */
  readonly requests?: Readonly<Record<string, number | string>>;
  /** What the container may use at most, for example memory: 512Mi. */
  readonly limits?: Readonly<Record<string, number | string>>;
}

export interface TeleportClusterSpecAgentPodExtraEnv {
  /** Name of the variable. */
  readonly name: string;
  readonly [key: string]: unknown;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface TeleportClusterStatus {
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
  /** The host CA as it is now. */
  readonly hostCA?: TeleportClusterStatusHostCA;
  /** The agent Deployment, as Kubernetes reports it. */
  readonly agent?: TeleportClusterStatusAgent;
  /** What the agents report about each proxy. */
  readonly proxies?: readonly TeleportClusterStatusProxy[];
}

/** The host CA as it is now. */
export interface TeleportClusterStatusHostCA {
  /** Secret that holds the private key. */
  readonly secretName?: string;
  /** ConfigMap with the public keys, one OpenSSH line each, under key ca.pub. */
  readonly publicKeysConfigMap?: string;
  /**
   * SHA256 fingerprint of the key that signs now. Once set, a Secret with another key is reported and
   * not used.
   */
  readonly activeFingerprint?: string;
  /** Public keys to trust. Copy all of them: more than one is listed while a rotation runs. */
  readonly publicKeys?: readonly TeleportClusterStatusHostCAPublicKey[];
  /** Where the rotation stands. */
  readonly rotation?: TeleportClusterStatusHostCARotation;
}

export interface TeleportClusterStatusHostCAPublicKey {
  /** SHA256 fingerprint of the key, as ssh-keygen -l prints it. */
  readonly fingerprint: string;
  /** The key as one OpenSSH public key line. */
  readonly key: string;
  /** Active signs now; Next will sign after the overlap; Previous is only still trusted. */
  readonly use: "Active" | "Next" | "Previous";
  /** When a Previous key is dropped. */
  readonly notAfter?: string;
}

/** Where the rotation stands. */
export interface TeleportClusterStatusHostCARotation {
  /**
   * Idle: one key. NextPublished: the next key is published and not yet used. Switched: the next key
   * signs. PreviousRetained: the old key is only still trusted.
   */
  readonly phase?: "Idle" | "NextPublished" | "Switched" | "PreviousRetained";
  /** The last rotation.request that was acted on. */
  readonly observedRequest?: string;
  /** When the running rotation began. */
  readonly startTime?: string;
  /** When the next phase may begin at the earliest. */
  readonly nextTransitionTime?: string;
}

/** The agent Deployment, as Kubernetes reports it. */
export interface TeleportClusterStatusAgent {
  /** Pods that exist. */
  readonly replicas?: number;
  /** Pods that are ready. */
  readonly readyReplicas?: number;
  /** Pods that run the current template. */
  readonly updatedReplicas?: number;
  /** Version of the agent that the Deployment runs. */
  readonly version?: string;
}

export interface TeleportClusterStatusProxy {
  /** Name of the entry in spec.proxies. */
  readonly name: string;
  /** Number of agent pods that have a tunnel to it. */
  readonly connectedPods?: number;
  /** When a tunnel was last opened. */
  readonly lastConnectTime?: string;
  /** The last error, when there is no tunnel. */
  readonly message?: string;
}
