/**
 * Collects what has run out: LoginSessions and KeyHelperTokens past their
 * expirationTime. They grant nothing any more whether they are collected or not.
 */
import type { KeyHelperToken, LoginSession } from "@teleport-access/crd";
import { customResource, type KubeClient, type ReconcileResult } from "@teleport-access/kube";

/** Kept for a while after the end, so that a person can see what ran out. */
const GRACE_MS = 60_000;

export type Expiring = LoginSession | KeyHelperToken;

/** Deletes `object` when it has run out; otherwise says when to look again. */
export async function collectExpired(
  client: KubeClient,
  plural: "loginsessions" | "keyhelpertokens",
  object: Expiring,
  now: Date,
): Promise<ReconcileResult> {
  const due = Date.parse(object.spec.expirationTime) + GRACE_MS;
  // The CRD demands a date; whatever else stands there is left to a person.
  if (Number.isNaN(due)) return {};
  if (due > now.getTime()) return { requeueAfterMs: due - now.getTime() };
  const { namespace, name, uid } = object.metadata;
  await client.delete(customResource(plural), { namespace, name }, uid === undefined ? {} : { uid });
  return {};
}
