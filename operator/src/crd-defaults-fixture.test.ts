/** What the API server does with the defaults of our CRDs when it stores an object; for tests that have no API server. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { KubernetesObject } from "./objects.ts";

const CRDS = join(import.meta.dirname, "../../crds");

interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

const SCHEMAS = new Map(
  globSync(join(CRDS, "*.yaml")).map((path) => {
    const { spec } = parse(readFileSync(path, "utf8")) as {
      spec: { names: { kind: string }; versions: { schema: { openAPIV3Schema: Schema } }[] };
    };
    return [spec.names.kind, spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"] ?? {}] as const;
  }),
);

/** What the API server does with defaults when it stores an object. */
function withDefaults(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withDefaults(schema.items ?? {}, item));
  if (typeof value !== "object" || value === null || schema.properties === undefined) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [name, property] of Object.entries(schema.properties)) {
    const given = filled[name] ?? structuredClone(property.default);
    if (given !== undefined) filled[name] = withDefaults(property, given);
  }
  return filled;
}

/** The object with its spec's defaults filled in; an object of another kind as it is. */
export function withCrdDefaults(object: KubernetesObject): KubernetesObject {
  const schema = SCHEMAS.get(object.kind ?? "");
  if (schema === undefined) return object;
  const { spec = {} } = object as { readonly spec?: unknown };
  return { ...object, ...{ spec: withDefaults(schema, spec) } };
}
