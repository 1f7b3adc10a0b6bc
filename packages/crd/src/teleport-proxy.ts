/* eslint-disable max-lines -- generated: as long as the kind has fields */
/**
 * Generated from crds/teleportproxies.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A TeleportProxy is the server that people and cluster agents connect to: its addresses, its user CA,
 * and how long certificates and web sessions are good for.
 */
export interface TeleportProxy {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "TeleportProxy";
  readonly metadata: ObjectMeta;
  /** What you want. */
  readonly spec: TeleportProxySpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: TeleportProxyStatus;
}

/** What you want. */
export interface TeleportProxySpec {
  /**
   * Number of proxy pods. With two or more, one can be updated or lost while people keep working;
   * sessions on a lost pod end. Default: 2.
   */
  readonly replicas: number;
  /**
   * How people and agents reach this proxy from outside. The names must resolve to the Service, directly
   * or through your load balancer.
   */
  readonly publicAddresses: TeleportProxySpecPublicAddresses;
  /** The Service in front of the proxy pods. */
  readonly service: TeleportProxySpecService;
  /**
   * TLS of the web port. Without secretRef the operator makes a self-signed certificate and says so in
   * condition TLSReady.
   */
  readonly tls: TeleportProxySpecTls;
  /**
   * The user CA's key pair. The private half stays in one Secret of this namespace; it is never made
   * again by itself when that Secret is lost.
   */
  readonly userCA: TeleportProxySpecUserCA;
  /** How long people's SSH certificates are good for. */
  readonly certificates: TeleportProxySpecCertificates;
  /** The browser's side. */
  readonly web: TeleportProxySpecWeb;
  /** How people sign in. */
  readonly authentication: TeleportProxySpecAuthentication;
  /** What happens while a proxy cannot tell whether its access list is current. */
  readonly revocation: TeleportProxySpecRevocation;
  /** Upper bounds of each proxy pod. */
  readonly limits: TeleportProxySpecLimits;
  /** Whether voluntary disruptions, such as node drains, are limited. */
  readonly podDisruptionBudget: TeleportProxySpecPodDisruptionBudget;
  /** The NetworkPolicy of the proxy pods. */
  readonly networkPolicy: TeleportProxySpecNetworkPolicy;
  /**
   * The part of the proxy pods' template that you may set. What is not listed here (security context,
   * volumes, probes, ports) is the operator's.
   */
  readonly pod: TeleportProxySpecPod;
}

/**
 * How people and agents reach this proxy from outside. The names must resolve to the Service, directly
 * or through your load balancer.
 */
export interface TeleportProxySpecPublicAddresses {
  /**
   * The web address people open and key-helpers dial: https://host or https://host:port, without a path.
   * Cookies and sign-in are bound to it.
   */
  readonly web: string;
  /** host:port for ssh clients. Without it: the web address's host with service.ports.ssh. */
  readonly ssh?: string;
  /** host:port for cluster agents. Without it: the web address's host with service.ports.tunnel. */
  readonly tunnel?: string;
}

/** The Service in front of the proxy pods. */
export interface TeleportProxySpecService {
  /**
   * How the Service is reached: inside the cluster only, on a port of each node, or through your cloud's
   * load balancer. Default: ClusterIP.
   */
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer";
  /** Annotations of the Service, for example for the load balancer's controller. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Which load balancer implementation to use. Needs type LoadBalancer. */
  readonly loadBalancerClass?: string;
  /**
   * Networks in CIDR notation that the load balancer lets in. Needs type LoadBalancer; empty lets
   * everybody in.
   */
  readonly loadBalancerSourceRanges?: readonly string[];
  /**
   * Local keeps the caller's address, which sourceRanges, lock-out and the audit log need. Cluster
   * spreads over all nodes and hides it. Default: Local.
   */
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /**
   * Networks of load balancers that send a PROXY protocol header (version 1 or 2). From an address in
   * them the header is required on all three ports, and the client's address in it counts for limits,
   * sourceRanges and the audit log; from any other address a header is an error. List your load
   * balancer's own addresses only, since whoever connects from them can claim any address. Empty
   * believes nobody.
   */
  readonly proxyProtocolRanges?: readonly string[];
  /** Ports of the Service; they must differ. */
  readonly ports: TeleportProxySpecServicePorts;
  /**
   * Ports on each node. Needs type NodePort or LoadBalancer; a port left out is chosen by Kubernetes.
   * They must lie in the cluster's NodePort range, usually 30000-32767.
   */
  readonly nodePorts?: TeleportProxySpecServiceNodePorts;
}

/** Ports of the Service; they must differ. */
export interface TeleportProxySpecServicePorts {
  /** Port for ssh clients. Default: 3023. */
  readonly ssh: number;
  /** Port for cluster agents. Default: 3024. */
  readonly tunnel: number;
  /** Port for browsers and key-helpers. Default: 443. */
  readonly web: number;
}

/**
 * Ports on each node. Needs type NodePort or LoadBalancer; a port left out is chosen by Kubernetes.
 * They must lie in the cluster's NodePort range, usually 30000-32767.
 */
export interface TeleportProxySpecServiceNodePorts {
  /** Node port for ssh clients. */
  readonly ssh?: number;
  /** Node port for cluster agents. */
  readonly tunnel?: number;
  /** Node port for browsers and key-helpers. */
  readonly web?: number;
}

/**
 * TLS of the web port. Without secretRef the operator makes a self-signed certificate and says so in
 * condition TLSReady.
 */
export interface TeleportProxySpecTls {
  /**
   * A Secret with tls.crt and tls.key, for example from cert-manager. Renewals are taken over without a
   * restart.
   */
  readonly secretRef?: TeleportProxySpecTlsSecretRef;
  /** Oldest TLS version that is accepted. Default: TLS12. */
  readonly minVersion: "TLS12" | "TLS13";
}

/**
 * A Secret with tls.crt and tls.key, for example from cert-manager. Renewals are taken over without a
 * restart.
 */
export interface TeleportProxySpecTlsSecretRef {
  /** Name of a Secret of type kubernetes.io/tls in this namespace. */
  readonly name: string;
}

/**
 * The user CA's key pair. The private half stays in one Secret of this namespace; it is never made
 * again by itself when that Secret is lost.
 */
export interface TeleportProxySpecUserCA {
  /**
   * Algorithm of keys made from now on; an existing key keeps its own until the next rotation. Default:
   * Ed25519.
   */
  readonly algorithm: "Ed25519" | "ECDSAP256" | "ECDSAP384" | "RSA3072";
  /**
   * A Secret with a private key of yours, instead of one that the operator makes. The operator only
   * reads it; you rotate it. Cannot be added or removed later.
   */
  readonly existingSecretRef?: TeleportProxySpecUserCAExistingSecretRef;
  /** When and how the key is replaced by a new one. */
  readonly rotation: TeleportProxySpecUserCARotation;
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
export interface TeleportProxySpecUserCAExistingSecretRef {
  /** Name of the Secret in this namespace. */
  readonly name: string;
  /**
   * Key in the Secret that holds the private key: PKCS#8 PEM or an OpenSSH private key without
   * passphrase. Default: ca.key.
   */
  readonly key: string;
}

/** When and how the key is replaced by a new one. */
export interface TeleportProxySpecUserCARotation {
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

/** How long people's SSH certificates are good for. */
export interface TeleportProxySpecCertificates {
  /**
   * Lifetime of a certificate and of the sign-in behind it: a working day, such as 8h. At most maxTTL.
   * Default: 8h.
   */
  readonly defaultTTL: string;
  /**
   * No certificate of this proxy is ever good for longer. At most 168h and at most
   * userCA.rotation.overlap. Default: 24h.
   */
  readonly maxTTL: string;
}

/** The browser's side. */
export interface TeleportProxySpecWeb {
  /** How long a web session lasts at most, however busy; terminals end with it. Default: 1h. */
  readonly sessionTTL: string;
  /** A web session ends after this time without use. Default: 20m. */
  readonly idleTimeout: string;
  /** Disabled takes the browser terminal away; people then use ssh only. Default: Enabled. */
  readonly terminal: "Enabled" | "Disabled";
}

/** How people sign in. */
export interface TeleportProxySpecAuthentication {
  /** When an account is locked after wrong passwords or codes. */
  readonly lockout: TeleportProxySpecAuthenticationLockout;
  /**
   * How long an invite URL can be used. Make a new one by changing the ProxyUser's enrollment.request.
   * Default: 24h.
   */
  readonly inviteTTL: string;
  /** Name that authenticator apps show for the account. Without it: the host of publicAddresses.web. */
  readonly totpIssuer?: string;
}

/** When an account is locked after wrong passwords or codes. */
export interface TeleportProxySpecAuthenticationLockout {
  /** Failures within window after which the account is locked. Default: 5. */
  readonly maxAttempts: number;
  /** Time over which failures are counted, and for which the account stays locked. Default: 15m. */
  readonly window: string;
}

/** What happens while a proxy cannot tell whether its access list is current. */
export interface TeleportProxySpecRevocation {
  /** Longest time without proof that the access list is current, such as 60s. Default: 60s. */
  readonly maxStaleness: string;
  /**
   * DenyNew refuses new connections and keeps live ones. TerminateAll also ends live ones. Allow goes on
   * as if nothing had happened: a revocation may then be missed. Default: DenyNew.
   */
  readonly onStale: "DenyNew" | "TerminateAll" | "Allow";
}

/** Upper bounds of each proxy pod. */
export interface TeleportProxySpecLimits {
  /** SSH connections of people that one pod holds at the same time. Default: 5000. */
  readonly maxConnections: number;
  /** Open channels and terminals that one person may have on one pod. Default: 50. */
  readonly maxSessionsPerUser: number;
  /**
   * New SSH connections per second that one pod accepts; more are refused. Agents wait in line instead:
   * for them it is the number of key exchanges with peers that turn out to be no agents. Default: 50.
   */
  readonly handshakesPerSecond: number;
}

/** Whether voluntary disruptions, such as node drains, are limited. */
export interface TeleportProxySpecPodDisruptionBudget {
  /** Auto allows one pod at a time to be away when replicas is more than 1. Default: Auto. */
  readonly mode: "Auto" | "Disabled";
}

/** The NetworkPolicy of the proxy pods. */
export interface TeleportProxySpecNetworkPolicy {
  /**
   * Managed lets callers reach only the proxy's ports. Disabled makes none; write your own then.
   * Default: Managed.
   */
  readonly mode: "Managed" | "Disabled";
}

/**
 * The part of the proxy pods' template that you may set. What is not listed here (security context,
 * volumes, probes, ports) is the operator's.
 */
export interface TeleportProxySpecPod {
  /** Labels added to each pod. The operator's own app.kubernetes.io labels win. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations added to each pod, for example for a log collector. */
  readonly annotations?: Readonly<Record<string, string>>;
  /**
   * Image of the proxy. Leave it out to run the version that belongs to the operator; the operator
   * refuses one that is too old for it.
   */
  readonly image?: string;
  /** When the kubelet pulls the image. Without it: IfNotPresent. */
  readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  /** Secrets of this namespace with the registry's credentials. */
  readonly imagePullSecrets?: readonly TeleportProxySpecPodImagePullSecret[];
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
  readonly resources?: TeleportProxySpecPodResources;
  /** Additional environment variables of the container; entries as in a container's env. */
  readonly extraEnv?: readonly TeleportProxySpecPodExtraEnv[];
  /** How long a stopping pod may take to let its sessions end before they are cut. */
  readonly terminationGracePeriodSeconds?: number;
}

export interface TeleportProxySpecPodImagePullSecret {
  /** Name of a Secret of type kubernetes.io/dockerconfigjson in this namespace. */
  readonly name: string;
}

/**
 * CPU and memory of the container. Without it the operator asks for a small request and sets no CPU
 * limit.
 */
export interface TeleportProxySpecPodResources {
  /** What the scheduler reserves, for example cpu: 100m and memory: 128Mi. */
  readonly requests?: Readonly<Record<string, number | string>>;
  /** What the container may use at most, for example memory: 512Mi. */
  readonly limits?: Readonly<Record<string, number | string>>;
}

export interface TeleportProxySpecPodExtraEnv {
  /** Name of the variable. */
  readonly name: string;
  readonly [key: string]: unknown;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface TeleportProxyStatus {
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
  /** The user CA as it is now. */
  readonly userCA?: TeleportProxyStatusUserCA;
  /** The proxy Deployment, as Kubernetes reports it. */
  readonly proxy?: TeleportProxyStatusProxy;
  /** The proxy's SSH host public keys. Copy them into TeleportCluster spec.proxies[].hostKeys. */
  readonly hostKeys?: readonly string[];
  /** The web certificate in use. */
  readonly tls?: TeleportProxyStatusTls;
  /** The addresses people and agents use. */
  readonly endpoints?: TeleportProxyStatusEndpoints;
  /** Number of TrustedHostCAs in this namespace that are accepted. */
  readonly trustedClusters?: number;
  /** Number of those with at least one tunnel. */
  readonly connectedClusters?: number;
}

/** The user CA as it is now. */
export interface TeleportProxyStatusUserCA {
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
  readonly publicKeys?: readonly TeleportProxyStatusUserCAPublicKey[];
  /** Where the rotation stands. */
  readonly rotation?: TeleportProxyStatusUserCARotation;
}

export interface TeleportProxyStatusUserCAPublicKey {
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
export interface TeleportProxyStatusUserCARotation {
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

/** The proxy Deployment, as Kubernetes reports it. */
export interface TeleportProxyStatusProxy {
  /** Pods that exist. */
  readonly replicas?: number;
  /** Pods that are ready. */
  readonly readyReplicas?: number;
  /** Pods that run the current template. */
  readonly updatedReplicas?: number;
  /** Version of the proxy that the Deployment runs. */
  readonly version?: string;
}

/** The web certificate in use. */
export interface TeleportProxyStatusTls {
  /** SHA-256 fingerprint of the certificate. */
  readonly fingerprintSHA256?: string;
  /** When the certificate expires. */
  readonly notAfter?: string;
  /** True when the operator made it; browsers then warn, and key-helpers need --ca-file. */
  readonly selfSigned?: boolean;
}

/** The addresses people and agents use. */
export interface TeleportProxyStatusEndpoints {
  /** Web address. */
  readonly web?: string;
  /** host:port for ssh clients. */
  readonly ssh?: string;
  /** host:port for cluster agents: TeleportCluster spec.proxies[].address. */
  readonly tunnel?: string;
}
