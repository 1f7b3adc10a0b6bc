import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { fileName, generate, kindSource, type Definition, type Schema } from "./generate-crd-types.ts";

const CRDS = new URL("../crds/", import.meta.url);

function definitions(): { readonly name: string; readonly definition: Definition }[] {
  return readdirSync(CRDS).map((name) => ({
    name,
    definition: parse(readFileSync(new URL(name, CRDS), "utf8")) as Definition,
  }));
}

/** Every field of a schema with its path. */
function fields(schema: Schema, path = ""): { readonly path: string; readonly field: Schema }[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    { path: `${path}.${name}`, field },
    ...fields(field, `${path}.${name}`),
  ]);
  return schema.items === undefined ? below : [...below, ...fields(schema.items, `${path}[]`)];
}

function rootOf(definition: Definition): Schema {
  const [version] = definition.spec.versions;
  assert.ok(version);
  return version.schema.openAPIV3Schema;
}

function definitionOf(spec: Schema): Definition {
  const openAPIV3Schema = { type: "object", properties: { spec } };
  return {
    spec: {
      group: "example.org",
      names: { kind: "Widget", plural: "widgets" },
      versions: [{ name: "v1", schema: { openAPIV3Schema } }],
    },
  };
}

describe("crds/*.yaml", () => {
  for (const { name, definition } of definitions()) {
    test(`every field of ${name} has a description, for kubectl explain`, () => {
      const root = rootOf(definition);
      assert.ok(root.description);
      // The API server allows no description on metadata: it has its own.
      const described = fields(root).filter(({ path }) => path !== ".metadata");
      const silent = described.filter(({ field }) => (field.description ?? "").trim() === "");
      assert.deepEqual(
        silent.map(({ path }) => path),
        [],
      );
    });

    test(`every string and list of ${name}'s spec has a bound, for the API server's cost estimate`, () => {
      const spec = rootOf(definition).properties?.["spec"] ?? {};
      const unbounded = fields(spec).filter(({ field }) => {
        const bounds = field as Schema & {
          readonly maxLength?: number;
          readonly maxItems?: number;
          format?: string;
        };
        if (field.type === "array") return bounds.maxItems === undefined;
        const open = field.type === "string" && field.enum === undefined && bounds.format !== "date-time";
        return open && bounds.maxLength === undefined;
      });
      assert.deepEqual(
        unbounded.map(({ path }) => path),
        [],
      );
    });
  }
});

describe("generate", () => {
  test("generate gives what is in packages/crd/src", async () => {
    for (const [name, text] of await generate()) {
      const current = readFileSync(new URL(`../packages/crd/src/${name}`, import.meta.url), "utf8");
      assert.equal(current, text, `${name}: run node hack/generate-crd-types.ts`);
    }
  });

  test("fileName is the kind in kebab case", () => {
    assert.equal(fileName("UserAccess"), "user-access");
    assert.equal(fileName("TrustedHostCA"), "trusted-host-ca");
  });
});

describe("kindSource", () => {
  test("kindSource makes a field optional unless it is required or has a default", () => {
    const text = kindSource(
      definitionOf({
        type: "object",
        required: ["a"],
        properties: {
          a: { type: "string" },
          b: { type: "integer", default: 5 },
          c: { type: "boolean" },
        },
      }),
      "widgets.yaml",
    );
    assert.match(text, /readonly a: string;/);
    assert.match(text, /readonly b: number;/);
    assert.match(text, /readonly c\?: boolean;/);
  });

  test("kindSource makes unions of enums, interfaces of objects, and one name for the items of a list", () => {
    const text = kindSource(
      definitionOf({
        type: "object",
        properties: {
          mode: { type: "string", enum: ["On", "Off"] },
          proxies: { type: "array", items: { type: "object", properties: { name: { type: "string" } } } },
          labels: { type: "object", additionalProperties: { type: "string" } },
          size: { "x-kubernetes-int-or-string": true },
        },
      }),
      "widgets.yaml",
    );
    assert.match(text, /readonly mode\?: "On" \| "Off";/);
    assert.match(text, /readonly proxies\?: readonly WidgetSpecProxy\[\];/);
    assert.match(text, /export interface WidgetSpecProxy \{/);
    assert.match(text, /readonly labels\?: Readonly<Record<string, string>>;/);
    assert.match(text, /readonly size\?: number \| string;/);
  });

  test("kindSource refuses a type that it does not know", () => {
    const spec = { type: "object", properties: { a: { type: "null" } } };
    assert.throws(() => kindSource(definitionOf(spec), "widgets.yaml"), /no TypeScript type/);
  });
});
