/**
 * What a look at one resource comes to: what has to be made first, which objects
 * should exist, and what to tell its owner. Each kind's plan.ts draws one up from
 * gathered facts, without doing anything; reconcile.ts carries it out.
 */
import type { Finding } from "@teleport-access/kube";
import type { AdoptionOrder, AuthorityOrder } from "./ca/authority.ts";
import type { HostKeyOrder } from "./ca/host-key.ts";
import type { HostCertificateOrder } from "./ca/issue-host-certificate.ts";
import type { SessionKeyOrder } from "./ca/session-key.ts";
import type { Component, Manifest } from "./objects.ts";
import type { InviteOrder } from "./proxy-user/invite.ts";
import type { WebTlsOrder } from "./tls/make-web-tls.ts";

/** Something with randomness in it: made first, after which the plan is drawn up again. */
export type Order =
  | AuthorityOrder
  | SessionKeyOrder
  | HostKeyOrder
  | WebTlsOrder
  | HostCertificateOrder
  | InviteOrder
  | AdoptionOrder;

/** A condition without what the clock and the previous one decide. */
export type PlannedCondition = Finding;

/** Pods whose mounted files must be fresh within a second after they change. */
export interface PodRefresh {
  readonly instance: string;
  readonly component: Component;
  /** `Kind/name` and version of the mounted Secrets; mounted objects of the plan itself are added when applied. */
  readonly versions: Readonly<Record<string, string>>;
  /** `Kind/name` of mounted objects that the plan applies. */
  readonly mounted: readonly string[];
}

/**
 * What a pod that is gone wrote into an object, to be released in its name: an
 * apply of nothing by its field manager removes exactly its own entry.
 */
export interface Release {
  readonly kind: "ConfigMap" | "TrustedHostCA";
  readonly name: string;
  readonly uid: string;
  readonly fieldManager: string;
}

export interface Plan {
  readonly orders: readonly Order[];
  readonly objects: readonly Manifest[];
  /**
   * `Kind/name` of objects that stay though `objects` does not list them: what
   * orders made. Everything else that the resource owns is deleted.
   */
  readonly keep: readonly string[];
  /** False while something is missing: then nothing is deleted, the last good state goes on. */
  readonly complete: boolean;
  readonly refresh?: PodRefresh;
  readonly releases?: readonly Release[];
  /** Status without conditions and observedGeneration. */
  readonly status: Readonly<Record<string, unknown>>;
  readonly conditions: readonly PlannedCondition[];
  /** When to look again though nothing changes: an expiry, a renewal. */
  readonly wakeAt?: Date;
}

/** `Kind/name`, the way plans point at objects of their namespace. */
export function objectId(object: {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}): string {
  return `${object.kind}/${object.metadata.name}`;
}

/** The earliest of some moments. */
export function earliest(...dates: readonly (Date | undefined)[]): Date | undefined {
  const times = dates.flatMap((date) => (date === undefined ? [] : [date.getTime()]));
  return times.length === 0 ? undefined : new Date(Math.min(...times));
}

/** `{ wakeAt }` when there is a moment to wake at: an optional field must be absent, not undefined. */
export function wake(date: Date | undefined): { readonly wakeAt?: Date } {
  return date === undefined ? {} : { wakeAt: date };
}

export function isTrue(condition: PlannedCondition): boolean {
  return condition.status === "True";
}

/** Ready as the sum of other conditions: the first that is not True gives reason and message. */
export function summarize(conditions: readonly PlannedCondition[]): PlannedCondition {
  const open = conditions.find((c) => c.status === "False") ?? conditions.find((c) => !isTrue(c));
  if (open === undefined) {
    return {
      type: "Ready",
      status: "True",
      reason: "Reconciled",
      message: "everything asked for is in place",
    };
  }
  return { ...open, type: "Ready" };
}
