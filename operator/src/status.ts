/**
 * Writes what a pass found into status, once and only when it differs, and tells
 * of transitions in events.
 */
import type { Condition } from "@teleport-access/crd";
import {
  customResource,
  isKubeError,
  setCondition,
  type EventNote,
  type EventRecorder,
  type KubeClient,
} from "@teleport-access/kube";
import { isSame } from "./differences.ts";
import type { KindReconciler, Resource } from "./kind.ts";
import type { PlannedCondition } from "./plan.ts";
import type { World } from "./world.ts";

/** Owns the operator's part of status. */
export const STATUS_FIELD_MANAGER = "teleport-access-operator-status";

export interface Finding {
  readonly status: Readonly<Record<string, unknown>>;
  readonly conditions: readonly PlannedCondition[];
}

export interface StatusWriter {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  /** Takes the written resource over, so that the next pass need not wait for the watch to see it. */
  readonly world: World;
}

/** What a resource is told at the first visit, before anything is done. */
export const FIRST_VISIT: Finding = {
  status: {},
  conditions: [{ type: "Ready", status: "Unknown", reason: "Pending", message: "not looked at yet" }],
};

/** Writes status and events when `found` differs from what the resource says. */
export async function writeStatus(
  writer: StatusWriter,
  kind: KindReconciler<Resource>,
  resource: Resource,
  found: Finding & { readonly now: Date },
): Promise<void> {
  const before = resource.status?.conditions ?? [];
  const { generation } = resource.metadata;
  const conditions = mergeConditions(before, found, generation);
  const status = {
    ...found.status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions,
  };
  if (!isWritten(kind, resource, status)) {
    const written = await write(writer, kind, resource, status);
    if (!written) return;
  }
  for (const event of transitions(before, conditions)) writer.events.record(resource, event);
}

/** Only the types that the operator owns: a proxy may have added others. */
function mergeConditions(
  before: readonly Condition[],
  found: Finding & { readonly now: Date },
  generation: number | undefined,
): readonly Condition[] {
  const types = new Set<string>(found.conditions.map((condition) => condition.type));
  const own = before.filter((condition) => types.has(condition.type));
  return found.conditions.reduce<readonly Condition[]>(
    (list, condition) => setCondition(list, condition, found.now, generation),
    own,
  );
}

function isWritten(
  kind: KindReconciler<Resource>,
  resource: Resource,
  status: Readonly<Record<string, unknown>> & { readonly conditions: readonly Condition[] },
): boolean {
  const observed: Readonly<Record<string, unknown>> = { ...resource.status };
  const fields = [...kind.statusFields, "observedGeneration"];
  if (!fields.every((field) => isSame(observed[field], status[field]))) return false;
  const types = new Set(status.conditions.map((condition) => condition.type));
  const own = (resource.status?.conditions ?? []).filter((condition) => types.has(condition.type));
  return isSame(byType(own), byType(status.conditions));
}

function byType(conditions: readonly Condition[]): Record<string, Condition> {
  return Object.fromEntries(conditions.map((condition) => [condition.type, condition]));
}

/** False when the resource is gone or another one by now. */
async function write(
  { client, world }: StatusWriter,
  kind: KindReconciler<Resource>,
  resource: Resource,
  status: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const { namespace, name, uid } = resource.metadata;
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
  try {
    const body = { metadata, status };
    const written = await client.applyStatus(customResource(kind.plural), body, {
      fieldManager: STATUS_FIELD_MANAGER,
    });
    world.remember(kind.plural, written);
    return true;
  } catch (error) {
    if (isKubeError(error, "KUBE_NOT_FOUND", "KUBE_CONFLICT")) return false;
    throw error;
  }
}

/** What passes by itself, or follows every restart of a pod, is no news. */
const NO_NEWS: readonly string[] = [
  "Pending",
  "InProgress",
  "RolloutInProgress",
  "DependencyNotReady",
  "Synced",
];
/** Not True, and yet as it should be. */
const AS_ASKED: readonly string[] = ["InvitePending", "Suspended", "NotYetValid", "Expired"];

/** Bad news only to those who had it better: at the start nothing is ready or connected. */
const LOSSES: readonly string[] = ["MinimumReplicasUnavailable", "NotConnected", "PartlyConnected"];

/** One event per reason that is new; Ready repeats what another condition says, so each reason is told once. */
export function transitions(before: readonly Condition[], after: readonly Condition[]): EventNote[] {
  const news = after.filter((condition) => {
    const old = before.find((b) => b.type === condition.type);
    if (LOSSES.includes(condition.reason) && old?.status !== "True") return false;
    return (
      !NO_NEWS.includes(condition.reason) &&
      (old?.status !== condition.status || old.reason !== condition.reason)
    );
  });
  const byReason = new Map(news.map((condition) => [condition.reason, condition]));
  return [...byReason.values()].map(({ type, status, reason, message }) => ({
    type: status === "True" || AS_ASKED.includes(reason) ? "Normal" : "Warning",
    reason,
    action: type,
    note: message,
  }));
}
