/**
 * What a grant (one UserAccess) says, and whether it is in force at a moment.
 * How a grant is read from its Kubernetes object: parse-objects.ts.
 */

/** Everything a grant can permit, in the order of the UserAccess CRD. */
export const PERMISSIONS = [
  "Shell",
  "Exec",
  "FileTransfer",
  "AgentForwarding",
  "PortForwarding",
  "X11Forwarding",
] as const;

/** One thing a person may do once they are at a target. */
export type Permission = (typeof PERMISSIONS)[number];

/** What `spec.permissions` is when it is absent: all but PortForwarding and X11Forwarding. */
export const DEFAULT_PERMISSIONS: readonly Permission[] = [
  "Shell",
  "Exec",
  "FileTransfer",
  "AgentForwarding",
];

/** Hosts of a cluster by glob, and the ports on them; "*" is every port that the agent lists for the host. */
export interface TargetPattern {
  readonly host: string;
  readonly ports: readonly number[] | "*";
}

/** How long a break-glass grant counts after the last proof that the access list is current, in seconds. */
export interface StaleAllowance {
  readonly seconds: number;
}

/** One UserAccess, as the decision reads it. Times are milliseconds since the epoch. */
export interface Grant {
  readonly uid: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly user: string;
  /** Names of clusters, or "*" for all; empty when `clusterLabels` selects them. */
  readonly clusters: readonly string[] | "*";
  /** Labels that the TrustedHostCA must carry, all of them. */
  readonly clusterLabels?: Readonly<Record<string, string>>;
  readonly logins: readonly string[];
  readonly targets: readonly TargetPattern[];
  readonly permissions: readonly Permission[];
  readonly maxCertificateTtlSeconds?: number;
  readonly secondFactor: "PerSignIn" | "PerSession";
  /** CIDR blocks that the person must come from; empty means anywhere. */
  readonly sourceRanges: readonly string[];
  readonly startTime?: number;
  readonly expirationTime?: number;
  readonly suspend: boolean;
  /** Present on a break-glass grant only. */
  readonly onStale?: StaleAllowance;
}

/** Where a grant stands at a moment. */
export type GrantStanding = "in-force" | "suspended" | "not-started" | "expired";

/** Whether `grant` counts at `now`. The end is exclusive: at its expiration time a grant is over. */
export function grantStanding(grant: Grant, now: number): GrantStanding {
  if (grant.suspend) return "suspended";
  if (grant.expirationTime !== undefined && now >= grant.expirationTime) return "expired";
  if (grant.startTime !== undefined && now < grant.startTime) return "not-started";
  return "in-force";
}
