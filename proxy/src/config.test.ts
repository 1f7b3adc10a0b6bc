import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseSessionKey, readEnvironment } from "./config.ts";

describe("readEnvironment()", () => {
  test("readEnvironment() names the variable that is missing", () => {
    assert.throws(() => readEnvironment({ POD_NAMESPACE: "acme" }), /POD_NAME: is not set/);
    assert.throws(
      () => readEnvironment({ POD_NAME: "acme-0", POD_NAMESPACE: "" }),
      /POD_NAMESPACE: is not set/,
    );
  });

  test("readEnvironment() names the file that is missing", () => {
    const env = { POD_NAME: "acme-0", POD_NAMESPACE: "acme", CONFIG_DIR: "/nowhere" };
    assert.throws(() => readEnvironment(env), /\/nowhere\/config\/config\.json: there is no such file/);
  });
});

describe("parseSessionKey()", () => {
  test("parseSessionKey() reads 32 bytes of base64url, with a newline or without", () => {
    const key = Buffer.alloc(32, 255);
    assert.deepEqual(parseSessionKey(`${key.toString("base64url")}\n`), key);
  });

  test("parseSessionKey() refuses any other length and does not quote it", () => {
    assert.throws(() => parseSessionKey("c2hvcnQ"), /session\.key: is not 32 bytes/);
  });
});
