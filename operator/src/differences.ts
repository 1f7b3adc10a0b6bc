/**
 * Tells whether an object already is as it should be, so that nothing is written
 * when nothing changed. Pure.
 *
 * An object carries the hash of what was last applied: that notices a field which
 * is not wanted any more. Comparing field by field notices what others changed.
 */
import { createHash } from "node:crypto";
import type { KubeObject } from "@teleport-access/crd";
import type { Manifest } from "./objects.ts";

/** On each applied object: a hash of what was applied. */
export const APPLIED_ANNOTATION = "teleport-access.io/applied";

/** The manifest as it is sent, with its hash. */
export function withAppliedHash(manifest: Manifest): Manifest {
  const annotations = { ...manifest.metadata.annotations, [APPLIED_ANNOTATION]: hashOf(manifest) };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

/** Whether applying `manifest` (with its hash) to `observed` would change nothing. */
export function isApplied(manifest: Manifest, observed: KubeObject): boolean {
  return covers(observed, manifest);
}

/**
 * Whether all of `wanted` is in `observed`; what else is there is somebody else's
 * or a default. A quantity that the server writes in another way does not compare
 * equal: then an apply is sent that changes nothing.
 */
export function covers(observed: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(observed) || observed.length !== wanted.length)
      return wanted.length === 0 && observed === undefined;
    return wanted.every((item, index) => covers(observed[index], item));
  }
  if (!isRecord(wanted)) return observed === wanted;
  const found = isRecord(observed) ? observed : {};
  return Object.entries(wanted).every(([key, value]) => value === undefined || covers(found[key], value));
}

/** Whether two JSON values are the same; an absent field and an undefined one are. */
export function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** A short hash of a JSON value, whatever the order of its fields. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex").slice(0, 16);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (!isRecord(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
