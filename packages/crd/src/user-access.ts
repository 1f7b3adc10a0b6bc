/**
 * Generated from crds/useraccesses.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { Condition, ObjectMeta } from "./meta.ts";

/**
 * A UserAccess is a grant: who may reach which targets of which clusters as which logins. Deleting it
 * ends the access at once, live sessions included.
 */
export interface UserAccess {
  readonly apiVersion: "teleport-access.io/v1alpha1";
  readonly kind: "UserAccess";
  readonly metadata: ObjectMeta;
  /** What you want. Grants add up; a person with none reaches nothing. */
  readonly spec: UserAccessSpec;
  /** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
  readonly status?: UserAccessStatus;
}

/** What you want. Grants add up; a person with none reaches nothing. */
export interface UserAccessSpec {
  /** The person. Cannot be changed; create a new UserAccess instead. */
  readonly userRef: UserAccessSpecUserRef;
  /**
   * Names of clusters, which are TrustedHostCAs of this namespace; or * alone for all of them, present
   * and future.
   */
  readonly clusters?: readonly string[];
  /** Chooses clusters by the labels of their TrustedHostCA, instead of by name. */
  readonly clusterSelector?: UserAccessSpecClusterSelector;
  /** Accounts on the targets, such as deploy. There is no wildcard. */
  readonly logins: readonly string[];
  /** Which targets of the clusters. Left out: all. */
  readonly targets?: readonly UserAccessSpecTarget[];
  /**
   * What may be done there. PortForwarding and X11Forwarding are not given unless listed; an empty list
   * grants nothing. X11Forwarding is for the jump form of ssh only. A grant that leaves out Shell, Exec
   * or FileTransfer can only be used in the forward form of ssh. Default: Shell, Exec, FileTransfer,
   * AgentForwarding.
   */
  readonly permissions: readonly (
    "Shell" | "Exec" | "FileTransfer" | "AgentForwarding" | "PortForwarding" | "X11Forwarding"
  )[];
  /** Upper bound of the lifetime of certificates that carry this grant, when lower than the proxy's. */
  readonly maxCertificateTTL?: string;
  /**
   * PerSession asks for a TOTP code at each SSH connection and each browser terminal, besides the one at
   * sign-in. Default: PerSignIn.
   */
  readonly secondFactor: "PerSignIn" | "PerSession";
  /**
   * Networks in CIDR notation that the person may come from. Empty: from anywhere. Enforced by the
   * proxy.
   */
  readonly sourceRanges?: readonly string[];
  /** What this grant does while a proxy has no fresh access list. */
  readonly onStale?: UserAccessSpecOnStale;
  /** The grant does nothing before this time (RFC 3339). */
  readonly startTime?: string;
  /** The grant ends at this time (RFC 3339), live sessions included. */
  readonly expirationTime?: string;
  /** true has the effect of deleting the grant, until it is false again. */
  readonly suspend: boolean;
  /** Why this access was given, such as a ticket number. Copied into the audit log. */
  readonly reason?: string;
}

/** The person. Cannot be changed; create a new UserAccess instead. */
export interface UserAccessSpecUserRef {
  /**
   * Name of a ProxyUser of this namespace. To take all of a person's access: kubectl delete useraccess
   * --field-selector spec.userRef.name=<name>.
   */
  readonly name: string;
}

/** Chooses clusters by the labels of their TrustedHostCA, instead of by name. */
export interface UserAccessSpecClusterSelector {
  /** All of these labels must be there. */
  readonly matchLabels: Readonly<Record<string, string>>;
}

export interface UserAccessSpecTarget {
  /**
   * Host as written before the cluster's name; * matches any characters, dots too, and ? one. Grants
   * that name hosts get certificates good for those hosts only.
   */
  readonly host: string;
  /** Ports that may be reached. Left out: every port that the cluster's agent lists for the host. */
  readonly ports?: readonly number[];
}

/** What this grant does while a proxy has no fresh access list. */
export interface UserAccessSpecOnStale {
  /**
   * Inherit: what the proxy does. Allow: keep working for duration, meant for break-glass grants; a
   * revocation may be missed in that time. Default: Inherit.
   */
  readonly policy: "Inherit" | "Allow";
  /** How long Allow lasts from the last proof that the list was current. Default: 15m. */
  readonly duration: string;
}

/** What the operator and the proxies observed. Written by them only; read it, do not edit it. */
export interface UserAccessStatus {
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
  /** True once expirationTime has passed. */
  readonly expired?: boolean;
  /** Number of clusters that this grant covers now. */
  readonly matchedClusters?: number;
}
