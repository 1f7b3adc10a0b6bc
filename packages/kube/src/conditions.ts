/**
 * Sets one condition of a list, the way kubectl wait, Argo and Helm expect: the
 * transition time moves only when the status does, and a pass that finds the same
 * changes nothing.
 */
import type { Condition, ConditionReason, ConditionStatus, ConditionType } from "@teleport-access/crd";
import { kubeTime } from "./time.ts";

/** What a pass found. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  readonly reason: ConditionReason;
  /** Equal between passes that found the same: no times, no counters. */
  readonly message: string;
}

/** Longest message that the CRDs take. */
const MAX_MESSAGE = 32_768;

/**
 * The list with `found` in it, in its old place or at the end. Returns the same
 * list when nothing differs, so that callers can skip the write.
 */
export function setCondition(
  conditions: readonly Condition[],
  found: Finding,
  now: Date,
  generation?: number,
): readonly Condition[] {
  const index = conditions.findIndex((condition) => condition.type === found.type);
  const previous = conditions[index];
  const next: Condition = {
    type: found.type,
    status: found.status,
    reason: found.reason,
    message: found.message.slice(0, MAX_MESSAGE),
    lastTransitionTime: previous?.status === found.status ? previous.lastTransitionTime : kubeTime(now),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  if (previous === undefined) return [...conditions, next];
  return isSame(previous, next) ? conditions : conditions.with(index, next);
}

function isSame(a: Condition, b: Condition): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration
  );
}

/** The condition of a type, if it is there. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: ConditionType,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
