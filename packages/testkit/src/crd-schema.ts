/**
 * What the API server does to objects of our kinds by the schemas in crds/*.yaml:
 * fills in defaults, and refuses what breaks a rule. Everything but CEL rules, which only a
 * real API server runs.
 */
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { Json, JsonObject } from "./fake-apply.ts";

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly default?: Json;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

const FOLDER = new URL("../../../crds/", import.meta.url);

let schemas: ReadonlyMap<string, Schema> | undefined;

function schemaOf(kind: string): Schema | undefined {
  schemas ??= new Map(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => {
        const { spec } = parse(readFileSync(new URL(name, FOLDER), "utf8")) as Definition;
        return [spec.names.kind, spec.versions[0]?.schema.openAPIV3Schema ?? {}];
      }),
  );
  return schemas.get(kind);
}

/** Whether crds/ has a schema for this kind. */
export function hasSchema(kind: string): boolean {
  return schemaOf(kind) !== undefined;
}

/** The object with the defaults of its kind's schema filled in. */
export function withDefaults(kind: string, object: JsonObject): JsonObject {
  return fillIn(schemaOf(kind) ?? {}, object) as JsonObject;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fillIn(schema: Schema, value: Json): Json {
  if (Array.isArray(value)) {
    const { items = {} } = schema;
    return (value as readonly Json[]).map((item) => fillIn(items, item));
  }
  if (!isObject(value)) return value;
  const result: Record<string, Json> = { ...value };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const present = result[name] ?? field.default;
    if (present !== undefined) result[name] = fillIn(field, present);
  }
  return result;
}

/** What the schema has against an object, as `spec.field: what is wrong`; unknown fields are told as such. */
export function schemaProblems(kind: string, object: JsonObject): string[] {
  const schema = schemaOf(kind);
  if (schema === undefined) return [];
  const { apiVersion: _a, kind: _k, metadata: _m, ...rest } = object;
  return problemsAt(schema, rest, "");
}

function problemsAt(schema: Schema, value: Json, path: string): string[] {
  if (schema["x-kubernetes-int-or-string"] === true) return [];
  if (typeof value === "string") return stringProblems(schema, value).map((text) => `${path}: ${text}`);
  if (typeof value === "number") return numberProblems(schema, value).map((text) => `${path}: ${text}`);
  if (typeof value === "boolean")
    return schema.type === "boolean" ? [] : [`${path}: must be ${String(schema.type)}`];
  if (Array.isArray(value)) return listProblems(schema, value as readonly Json[], path);
  return isObject(value) ? objectProblems(schema, value, path) : [`${path}: must not be null`];
}

function stringProblems(schema: Schema, value: string): string[] {
  if (schema.type !== "string") return [`must be ${String(schema.type)}`];
  const { minLength = 0, maxLength = Infinity, pattern = "", enum: choices = [value] } = schema;
  const rules: readonly (readonly [holds: boolean, otherwise: string])[] = [
    [value.length >= minLength, `shorter than ${minLength}`],
    [value.length <= maxLength, `longer than ${maxLength}`],
    [new RegExp(pattern).test(value), `does not match ${pattern}`],
    [choices.includes(value), `not one of ${choices.join(", ")}`],
    [schema.format !== "date-time" || !Number.isNaN(Date.parse(value)), "not a time"],
  ];
  return rules.filter(([holds]) => !holds).map(([, otherwise]) => otherwise);
}

function numberProblems(schema: Schema, value: number): string[] {
  if (schema.type !== "integer" && schema.type !== "number") return [`must be ${String(schema.type)}`];
  const { minimum = -Infinity, maximum = Infinity } = schema;
  return value < minimum || value > maximum ? [`not within ${minimum} and ${maximum}`] : [];
}

function listProblems(schema: Schema, value: readonly Json[], path: string): string[] {
  if (schema.type !== "array") return [`${path}: must be ${String(schema.type)}`];
  const { items = {}, minItems = 0, maxItems = Infinity } = schema;
  const size = value.length < minItems || value.length > maxItems ? [`${path}: ${value.length} items`] : [];
  return [...size, ...value.flatMap((item, index) => problemsAt(items, item, `${path}[${index}]`))];
}

function objectProblems(schema: Schema, value: JsonObject, path: string): string[] {
  const prefix = path === "" ? "" : `${path}.`;
  if (schema.type !== "object") return [`${path}: must be ${String(schema.type)}`];
  const missing = (schema.required ?? []).filter((name) => value[name] === undefined);
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const known = schema.properties?.[name] ?? schema.additionalProperties;
    if (known !== undefined) return problemsAt(known, field, prefix + name);
    return open ? [] : [`${prefix}${name}: unknown field`];
  });
  return [...missing.map((name) => `${prefix}${name}: required`), ...fields];
}
