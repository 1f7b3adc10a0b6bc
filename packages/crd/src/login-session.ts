/**
 * Generated from crds/loginsessions.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A LoginSession is a sign-in that is still good. Proxies make them. kubectl delete signs the person
 * out: web sessions, terminals, key-helper renewals, and SSH sessions whose certificate came from it.
 */
export interface LoginSession {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "LoginSession";
  readonly metadata: ObjectMeta;
  /** What was established at sign-in. Cannot be changed. */
  readonly spec: LoginSessionSpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: LoginSessionStatus;
}

/** What was established at sign-in. Cannot be changed. */
export interface LoginSessionSpec {
  /** The person who signed in. */
  readonly userRef: LoginSessionSpecUserRef;
  /** When the sign-in ends (RFC 3339). Expired sessions are deleted. */
  readonly expirationTime: string;
  /** Address the person signed in from. */
  readonly sourceAddress?: string;
  /** The browser's own description of itself. */
  readonly userAgent?: string;
  /** What the person proved. */
  readonly factors: readonly ("Password" | "TOTP")[];
  /**
   * HMAC-SHA256 by the session key of the namespace's proxies over name, user, expiry and factors. A
   * session without a good seal, such as one made with kubectl, grants nothing.
   */
  readonly seal: string;
}

/** The person who signed in. */
export interface LoginSessionSpecUserRef {
  /** Name of a ProxyUser of this namespace. */
  readonly name: string;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface LoginSessionStatus {
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
  /** When the session was last used, to within five minutes. */
  readonly lastActiveTime?: string;
}
