/**
 * What the fake API server checks of writes that come by HTTP.
 */
import { hasSchema, schemaProblems, withDefaults } from "./crd-schema.ts";
import type { JsonObject } from "./fake-apply.ts";
import { FakeApiError } from "./fake-object-store.ts";

/** Defaults and rules of our own kinds' schemas; built-in kinds pass as they are. */
export function admitted(object: JsonObject): JsonObject {
  const kind = object["kind"] as string;
  if (!hasSchema(kind)) return object;
  const complete = withDefaults(kind, object);
  const problems = schemaProblems(kind, complete);
  if (problems.length > 0) {
    throw new FakeApiError(422, "Invalid", `${kind} is invalid: ${problems.join("; ")}`);
  }
  return complete;
}

/** Server-side apply has this answer for a field that the schema does not know. */
export function refuseUnknownFields(applied: JsonObject): void {
  const problems = schemaProblems(applied["kind"] as string, applied);
  const unknown = problems.find((problem) => problem.endsWith("unknown field"));
  if (unknown === undefined) return;
  throw new FakeApiError(500, "", `failed to create typed patch object: ${unknown}`);
}
