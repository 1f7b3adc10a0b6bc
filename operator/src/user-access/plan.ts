/**
 * What a UserAccess amounts to, told in its status. Pure, and advice only: what a
 * grant really allows is decided in each proxy from the spec (packages/access), so
 * that a grant works, and ends, without the operator.
 */
import type { ProxyUser, TrustedHostCA, UserAccess } from "@teleport-access/crd";
import { earliest, wake, type Plan, type PlannedCondition } from "../plan.ts";

export interface UserAccessInput {
  readonly grant: UserAccess;
  readonly now: Date;
  readonly user: ProxyUser | undefined;
  /** All of the namespace. */
  readonly trusted: readonly TrustedHostCA[];
}

export function planUserAccess(input: UserAccessInput): Plan {
  const { startTime, expirationTime } = input.grant.spec;
  const matched = input.trusted.filter((trust) => matches(input.grant, trust)).length;
  const moments = [startTime, expirationTime].flatMap((time) => (time === undefined ? [] : [new Date(time)]));
  return {
    orders: [],
    objects: [],
    keep: [],
    complete: true,
    status: { matchedClusters: matched, expired: isExpired(input) },
    conditions: [ready(input, matched)],
    ...wake(earliest(...moments.filter((moment) => moment > input.now))),
  };
}

function matches(grant: UserAccess, trust: TrustedHostCA): boolean {
  const { clusters = [], clusterSelector } = grant.spec;
  if (clusterSelector === undefined) return clusters.includes("*") || clusters.includes(trust.metadata.name);
  const labels = trust.metadata.labels ?? {};
  return Object.entries(clusterSelector.matchLabels).every(([key, value]) => labels[key] === value);
}

function isExpired({ grant, now }: UserAccessInput): boolean {
  const { expirationTime } = grant.spec;
  return expirationTime !== undefined && new Date(expirationTime) <= now;
}

function ready(input: UserAccessInput, matched: number): PlannedCondition {
  const { spec } = input.grant;
  if (spec.suspend)
    return notReady("Suspended", "suspended: grants nothing; set spec.suspend to false to go on");
  if (input.user === undefined) {
    return notReady(
      "UserNotFound",
      `ProxyUser ${spec.userRef.name} (spec.userRef) does not exist in this namespace`,
    );
  }
  if (isExpired(input))
    return notReady(
      "Expired",
      `ended at ${spec.expirationTime ?? ""}; delete it or set a later expirationTime`,
    );
  if (spec.startTime !== undefined && new Date(spec.startTime) > input.now) {
    return notReady("NotYetValid", `begins at ${spec.startTime}`);
  }
  if (matched === 0) return notReady("NoClusterMatched", noClusterMessage(input));
  return { type: "Ready", status: "True", reason: "Active", message: "in force" };
}

function notReady(reason: PlannedCondition["reason"], message: string): PlannedCondition {
  return { type: "Ready", status: "False", reason, message };
}

function noClusterMessage({ grant, trusted }: UserAccessInput): string {
  const { clusters = [], clusterSelector } = grant.spec;
  const names = trusted.map((trust) => trust.metadata.name).sort();
  const known =
    names.length === 0 ? "there is none in this namespace" : `there are ${names.slice(0, 8).join(", ")}`;
  const wanted =
    clusterSelector === undefined
      ? `is named ${clusters.join(" or ")} (spec.clusters)`
      : "has the labels of spec.clusterSelector";
  return `no TrustedHostCA ${wanted}; ${known}`;
}
