import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import {
  boolean,
  ConfigError,
  fields,
  integer,
  list,
  oneOf,
  optional,
  readConfigFile,
  string,
} from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "daemon-config-"));
after(() => {
  rmSync(folder, { recursive: true });
});

function parse(value: unknown): { name: string; ports: readonly number[] } {
  const config = fields(value, "configuration");
  return {
    name: string(config["name"], "name", { max: 5, pattern: /^[a-z]+$/, description: "lower-case letters" }),
    ports: list(config["ports"], "ports", (v, f) => integer(v, f, { min: 1, max: 65_535 }), { max: 2 }),
  };
}

function written(text: string): string {
  const path = join(folder, "config.json");
  writeFileSync(path, text);
  return path;
}

test("readConfigFile returns what the parser made", () => {
  assert.deepEqual(readConfigFile(written('{"name":"a","ports":[22],"new":1}'), parse), {
    name: "a",
    ports: [22],
  });
});

test("readConfigFile says that there is no file", () => {
  const path = join(folder, "missing.json");
  assert.throws(() => readConfigFile(path, parse), {
    code: "CONFIG_MISSING",
    message: `${path}: there is no such file`,
  });
});

test("readConfigFile does not quote a file that is not JSON", () => {
  const path = written("-----BEGIN PRIVATE KEY----- topsecret");
  assert.throws(() => readConfigFile(path, parse), { code: "CONFIG_SYNTAX", message: `${path}: not JSON` });
});

test("readConfigFile says that a folder cannot be read", () => {
  assert.throws(() => readConfigFile(folder, parse), { code: "CONFIG_UNREADABLE" });
});

const WRONG: readonly { text: string; want: string }[] = [
  { text: "[]", want: "configuration: must be an object, not a list" },
  { text: "null", want: "configuration: must be an object, not null" },
  { text: '{"ports":[]}', want: "name: is missing" },
  { text: '{"name":1,"ports":[]}', want: "name: must be a string, not a value of type number" },
  { text: '{"name":"","ports":[]}', want: "name: must not be empty" },
  { text: '{"name":"abcdef","ports":[]}', want: "name: must have at most 5 characters" },
  { text: '{"name":"A\\nB","ports":[]}', want: 'name: must be lower-case letters, not "A\\nB"' },
  { text: '{"name":"a"}', want: "ports: is missing" },
  { text: '{"name":"a","ports":22}', want: "ports: must be a list, not a value of type number" },
  { text: '{"name":"a","ports":[1,2,3]}', want: "ports: must have at most 2 items" },
  { text: '{"name":"a","ports":[22,0]}', want: "ports[1]: must be a whole number from 1 to 65535, not 0" },
  { text: '{"name":"a","ports":[1.5]}', want: "ports[0]: must be a whole number from 1 to 65535, not 1.5" },
];

for (const row of WRONG) {
  test(`readConfigFile names the field: ${row.want}`, () => {
    const path = written(row.text);
    assert.throws(() => readConfigFile(path, parse), {
      code: "CONFIG_INVALID",
      message: `${path}: ${row.want}`,
    });
  });
}

test("oneOf lists the choices", () => {
  assert.equal(oneOf("b", "x", ["a", "b"]), "b");
  assert.throws(() => oneOf("c", "x", ["a", "b"]), { message: 'x: must be one of a, b, not "c"' });
});

test("boolean takes no other truth", () => {
  assert.equal(boolean(false, "x"), false);
  for (const value of [0, 1, "true", null, undefined]) assert.throws(() => boolean(value, "x"), ConfigError);
});

test("optional parses only what is there; null is something", () => {
  assert.equal(optional(undefined, "x", boolean), undefined);
  assert.throws(() => optional(null, "x", boolean), ConfigError);
});
