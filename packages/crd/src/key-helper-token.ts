/**
 * Generated from crds/keyhelpertokens.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A KeyHelperToken is one machine's right to run a key-helper for a person. People make them on the
 * web page; deleting one stops that machine's renewals at once.
 */
export interface KeyHelperToken {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "KeyHelperToken";
  readonly metadata: ObjectMeta;
  /** What the machine may do. */
  readonly spec: KeyHelperTokenSpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: KeyHelperTokenStatus;
}

/** What the machine may do. */
export interface KeyHelperTokenSpec {
  /** The person whose certificates the machine gets. Cannot be changed. */
  readonly userRef: KeyHelperTokenSpecUserRef;
  /**
   * sha256: and the hexadecimal SHA-256 of a token with at least 256 random bits. The token itself is
   * never stored. Cannot be changed.
   */
  readonly tokenHash: string;
  /**
   * Only the SSH key with this SHA256 fingerprint may be certified. Without it: any key the machine
   * sends.
   */
  readonly publicKeyFingerprint?: string;
  /** When the token stops working (RFC 3339). */
  readonly expirationTime: string;
  /** Which machine this is, in the person's words. */
  readonly description?: string;
}

/** The person whose certificates the machine gets. Cannot be changed. */
export interface KeyHelperTokenSpecUserRef {
  /** Name of a ProxyUser of this namespace. */
  readonly name: string;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface KeyHelperTokenStatus {
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
  /** Fingerprint of the device key that used the token first. The token is worthless to any other device. */
  readonly boundKeyFingerprint?: string;
  /** When the machine was last connected. */
  readonly lastSeenTime?: string;
  /** Serial number of the last certificate it was given. */
  readonly lastCertificateSerial?: string;
}
