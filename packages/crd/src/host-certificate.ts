/**
 * Generated from crds/hostcertificates.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A HostCertificate is an SSH host certificate for one of your servers, signed by the cluster's host
 * CA and renewed in time. Give publicKey to get it in status, or secretName to get a new key with it.
 */
export interface HostCertificate {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "HostCertificate";
  readonly metadata: ObjectMeta;
  /** What you want. Give exactly one of publicKey and secretName. */
  readonly spec: HostCertificateSpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: HostCertificateStatus;
}

/** What you want. Give exactly one of publicKey and secretName. */
export interface HostCertificateSpec {
  /** The cluster whose host CA signs. Cannot be changed. */
  readonly clusterRef: HostCertificateSpecClusterRef;
  /**
   * Names of the target without the cluster; each becomes the principal hostname.cluster, the name
   * people connect to.
   */
  readonly hostnames: readonly string[];
  /**
   * The server's own host public key, such as its /etc/ssh/ssh_host_ed25519_key.pub; the certificate
   * appears in status.certificate.
   */
  readonly publicKey?: string;
  /**
   * The operator makes an Ed25519 host key in this Secret and keeps it, its certificate and a ready
   * sshd_config fragment fresh: ssh_host_ed25519_key, .pub, -cert.pub, sshd_config.
   */
  readonly secretName?: string;
  /**
   * Lifetime of the certificate; it is renewed after two thirds of it, and when the host CA rotates.
   * Default: 720h.
   */
  readonly ttl: string;
}

/** The cluster whose host CA signs. Cannot be changed. */
export interface HostCertificateSpecClusterRef {
  /** Name of a TeleportCluster of this namespace. */
  readonly name: string;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface HostCertificateStatus {
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
  /** The certificate as one line: the content of ssh_host_<type>_key-cert.pub. */
  readonly certificate?: string;
  /** Serial number of the certificate. */
  readonly serial?: string;
  /** SHA256 fingerprint of the host key that it certifies. */
  readonly fingerprint?: string;
  /** SHA256 fingerprint of the host CA key that signed it. */
  readonly caFingerprint?: string;
  /** When it starts to be good. */
  readonly notBefore?: string;
  /** When it stops to be good. */
  readonly notAfter?: string;
}
