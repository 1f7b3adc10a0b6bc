/**
 * Generated from crds/proxyusers.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A ProxyUser is a person. metadata.name is the user name: at most 40 characters. The operator writes
 * a one-time invite URL into the Secret named by status.invite.secretName.
 */
export interface ProxyUser {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "ProxyUser";
  readonly metadata: ObjectMeta;
  /** What you want. An empty spec is a person who may enrol and, with a UserAccess, connect. */
  readonly spec: ProxyUserSpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: ProxyUserStatus;
}

/** What you want. An empty spec is a person who may enrol and, with a UserAccess, connect. */
export interface ProxyUserSpec {
  /** Name to show to people. */
  readonly displayName?: string;
  /** Where to reach the person. Nothing is sent to it. */
  readonly email?: string;
  /**
   * true ends everything this person has open at once and refuses sign-ins, without deleting credentials
   * or grants.
   */
  readonly suspend: boolean;
  /** Where the password hash and the TOTP key are kept, instead of <name>-credentials. */
  readonly credentialsSecretRef?: ProxyUserSpecCredentialsSecretRef;
  /** Asking the person to enrol again. */
  readonly enrollment: ProxyUserSpecEnrollment;
}

/** Where the password hash and the TOTP key are kept, instead of <name>-credentials. */
export interface ProxyUserSpecCredentialsSecretRef {
  /** Name of the Secret in this namespace. */
  readonly name: string;
}

/** Asking the person to enrol again. */
export interface ProxyUserSpecEnrollment {
  /**
   * Change this string to void password and TOTP key and make a new invite, for example to today's date.
   * Applying the same value again does nothing.
   */
  readonly request?: string;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface ProxyUserStatus {
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
  /** Secret with the password hash and the sealed TOTP key. */
  readonly credentialsSecretName?: string;
  /** The open invite; absent when it was used. */
  readonly invite?: ProxyUserStatusInvite;
  /** The last spec.enrollment.request that was acted on. */
  readonly observedRequest?: string;
  /** When the person last signed in. */
  readonly lastLoginTime?: string;
  /** Number of UserAccess objects of this person that are in force. */
  readonly grants?: number;
}

/** The open invite; absent when it was used. */
export interface ProxyUserStatusInvite {
  /**
   * Secret with the invite: kubectl get secret <it> -o jsonpath='{.data.url}' | base64 -d. Send the URL
   * to the person over a channel you trust.
   */
  readonly secretName?: string;
  /** When the invite stops working. For another one change spec.enrollment.request. */
  readonly expirationTime?: string;
}
