import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "./config.ts";

const good = {
  POD_NAME: "operator-0",
  POD_NAMESPACE: "teleport-access",
  PROXY_IMAGE: "p:1",
  AGENT_IMAGE: "a:1",
};

test("readConfig fills in defaults", () => {
  const config = readConfig(good);
  assert.deepEqual(config.proxyImage, { image: "p:1", pullPolicy: "IfNotPresent" });
  assert.deepEqual(config.watchNamespaces, []);
  assert.equal(config.logLevel, "info");
  assert.deepEqual(config.connect, { kind: "in-cluster" });
});

test("readConfig splits the namespaces to watch", () => {
  assert.deepEqual(readConfig({ ...good, WATCH_NAMESPACES: "acme, prod" }).watchNamespaces, ["acme", "prod"]);
});

for (const [variable, value] of [
  ["POD_NAME", ""],
  ["PROXY_IMAGE", ""],
  ["IMAGE_PULL_POLICY", "Sometimes"],
  ["LOG_LEVEL", "loud"],
  ["WATCH_NAMESPACES", "a/b"],
  ["HEALTH_PORT", "http"],
] as const) {
  test(`readConfig refuses ${variable}=${JSON.stringify(value)} and names it`, () => {
    assert.throws(() => readConfig({ ...good, [variable]: value }), new RegExp(variable));
  });
}
