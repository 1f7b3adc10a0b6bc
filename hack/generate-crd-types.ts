/**
 * Writes the TypeScript view of the CRDs: one file a kind, and kinds.ts, in
 * packages/crd/src. The YAML in crds/ is the source of truth; what people read
 * with `kubectl explain` is what programmers read as doc comments.
 *
 *   node hack/generate-crd-types.ts            write the files
 *   node hack/generate-crd-types.ts --check    fail with one sentence when a file differs
 *
 * A field is optional in TypeScript when an object read from the API server may
 * lack it: so neither when it is required nor when the API server fills in a default.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { parse } from "yaml";

/** The part of an OpenAPI v3 schema that our CRDs use. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

/** The part of a CustomResourceDefinition that is read here. */
export interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const CRDS = new URL("../crds/", import.meta.url);
const OUT = new URL("../packages/crd/src/", import.meta.url);
const MAX_LINES = 400;

/** `UserAccess` -> `user-access`, `TrustedHostCA` -> `trusted-host-ca`. */
export function fileName(kind: string): string {
  return kind.replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
}

function pascal(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** One of a list: `proxies` -> `proxy`, `targets` -> `target`. */
function singular(name: string): string {
  return name.replace(/ies$/, "y").replace(/s$/, "");
}

function docComment(schema: Schema): string {
  const given = schema.default;
  // `default: {}` only makes room for the defaults below it; it says nothing to a reader.
  const silent =
    given === undefined ||
    (typeof given === "object" && !Array.isArray(given)) ||
    schema.type === "boolean" ||
    given === "";
  const text = `${schema.description ?? ""}${silent ? "" : ` Default: ${[given].flat().join(", ")}.`}`.trim();
  if (text === "") return "";
  const lines = wrap(text.replaceAll("*/", "*\\/"), 100);
  return lines.length === 1 ? `/** ${text} */\n` : `/**\n${lines.map((l) => ` * ${l}\n`).join("")} */\n`;
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** Collects the interfaces of one kind while its schema is walked. */
interface Output {
  readonly interfaces: string[];
}

function scalarType(schema: Schema): string {
  if (schema["x-kubernetes-int-or-string"] === true) return "number | string";
  if (schema.enum !== undefined) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string" || schema.type === "boolean") return schema.type;
  throw new Error(`crd-types: no TypeScript type for ${JSON.stringify(schema)}`);
}

function typeOf(schema: Schema, name: string, out: Output): string {
  if (schema.type === "array" && schema.items !== undefined) {
    const item = typeOf(schema.items, singular(name), out);
    return /^\w+$/.test(item) ? `readonly ${item}[]` : `readonly (${item})[]`;
  }
  if (schema.type !== "object") return scalarType(schema);
  if (schema.additionalProperties !== undefined) {
    return `Readonly<Record<string, ${typeOf(schema.additionalProperties, name, out)}>>`;
  }
  if (schema.properties === undefined) return "Readonly<Record<string, unknown>>";
  addInterface(schema, name, out);
  return name;
}

function addInterface(schema: Schema, name: string, out: Output): void {
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const place = out.interfaces.push("") - 1; // parents before children: read top down
  const fields = Object.entries(schema.properties ?? {}).map(([key, field]) => {
    const optional = schema.required?.includes(key) !== true && field.default === undefined;
    const type = specialType(key, name) ?? typeOf(field, name + pascal(key), out);
    return `${docComment(field)}readonly ${key}${optional ? "?" : ""}: ${type};`;
  });
  if (open) fields.push("readonly [key: string]: unknown;");
  out.interfaces[place] = `${docComment(schema)}export interface ${name} {\n${fields.join("\n")}\n}\n`;
}

/** Conditions have one shape in every kind: meta.ts describes it. */
function specialType(key: string, parent: string): string | undefined {
  return key === "conditions" && parent.endsWith("Status") ? "readonly Condition[]" : undefined;
}

/** The file of one kind, not yet formatted. */
export function kindSource(definition: Definition, source: string): string {
  const { names, group, versions } = definition.spec;
  const [version] = versions;
  if (version === undefined || versions.length > 1)
    throw new Error(`crd-types: ${source}: expected one version`);
  const root = version.schema.openAPIV3Schema;
  const out: Output = { interfaces: [] };
  const parts = ["spec", "status"].flatMap((key) => {
    const schema = root.properties?.[key];
    if (schema === undefined) return [];
    const type = typeOf(schema, names.kind + pascal(key), out);
    return `${docComment(schema)}readonly ${key}${key === "spec" ? "" : "?"}: ${type};`;
  });
  const usesConditions = out.interfaces.some((text) => text.includes("readonly Condition[]"));
  return [
    `/**\n * Generated from ${source} by hack/generate-crd-types.ts; do not edit.\n */`,
    `import type { ${usesConditions ? "Condition, " : ""}ObjectMeta } from "./meta.ts";\n`,
    `${docComment(root)}export interface ${names.kind} {`,
    `readonly apiVersion: "${group}/${version.name}";`,
    `readonly kind: "${names.kind}";`,
    `readonly metadata: ObjectMeta;`,
    ...parts,
    "}\n",
    ...out.interfaces,
  ].join("\n");
}

/** kinds.ts: the names by which the API server knows the kinds. */
export function kindsSource(definitions: readonly Definition[]): string {
  const [first] = definitions;
  const version = first?.spec.versions[0]?.name ?? "";
  const group = first?.spec.group ?? "";
  const imports = definitions.map(
    ({ spec: { names } }) => `import type { ${names.kind} } from "./${fileName(names.kind)}.ts";`,
  );
  const entries = definitions
    .map(({ spec: { names } }) => `${names.kind}: { kind: "${names.kind}", plural: "${names.plural}" },`)
    .join("\n");
  const plurals = definitions.map((d) => `readonly ${d.spec.names.plural}: ${d.spec.names.kind};`).join("\n");
  return `/**
 * The names by which the API server knows our kinds.
 *
 * Generated from crds/*.yaml by hack/generate-crd-types.ts; do not edit.
 */
${imports.join("\n")}

/** API group of every kind. */
export const GROUP = "${group}";
/** The served and stored version. */
export const VERSION = "${version}";
/** What stands in apiVersion. */
export const API_VERSION = "${group}/${version}";

/** Kind and plural (the word in URLs and RBAC rules) of each kind. */
export const KINDS = {
${entries}
} as const;

/** Name of one of our kinds. */
export type Kind = keyof typeof KINDS;

/** The type behind each plural. */
export interface CustomResources {
${plurals}
}
`;
}

/** Formats and, when the file is longer than the house's cap, says why it may be. */
async function finish(text: string): Promise<string> {
  const options = { parser: "typescript", printWidth: 110 } as const;
  const formatted = await format(text, options);
  if (formatted.split("\n").length <= MAX_LINES) return formatted;
  return `/* eslint-disable max-lines -- generated: as long as the kind has fields */\n${formatted}`;
}

/** Every generated file: name -> text. */
export async function generate(): Promise<Map<string, string>> {
  const sources = readdirSync(CRDS)
    .filter((name) => name.endsWith(".yaml"))
    .sort();
  const files = new Map<string, string>();
  const definitions: Definition[] = [];
  for (const source of sources) {
    const definition = parse(readFileSync(new URL(source, CRDS), "utf8")) as Definition;
    definitions.push(definition);
    const name = `${fileName(definition.spec.names.kind)}.ts`;
    files.set(name, await finish(kindSource(definition, `crds/${source}`)));
  }
  return files.set("kinds.ts", await finish(kindsSource(definitions)));
}

function current(name: string): string {
  try {
    return readFileSync(new URL(name, OUT), "utf8");
  } catch {
    return "";
  }
}

if (import.meta.main) {
  const files = await generate();
  const stale = [...files].filter(([name, text]) => current(name) !== text);
  if (!process.argv.includes("--check")) {
    for (const [name, text] of stale) writeFileSync(new URL(name, OUT), text);
  } else if (stale.length > 0) {
    const names = stale.map(([name]) => `packages/crd/src/${name}`).join(", ");
    console.error(`crd-types: ${names} not as crds/*.yaml says: run node hack/generate-crd-types.ts`);
    process.exit(1);
  }
}
