import assert from "node:assert/strict";
import { test } from "node:test";
import { replicasOf } from "./replicas.ts";

type Slice = Parameters<typeof replicasOf>[0][number];

function slice(...pods: readonly [string, { ready?: boolean; terminating?: boolean }?][]): Slice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "acme-x" },
    endpoints: pods.map(([name, conditions = { ready: true }]) => ({
      addresses: ["10.0.0.1"],
      conditions,
      targetRef: { kind: "Pod", name },
    })),
  };
}

test("replicasOf() lists each pod once, sorted, over all slices", () => {
  assert.deepEqual(replicasOf([slice(["acme-b"], ["acme-a"]), slice(["acme-b"])], "acme-a"), [
    "acme-a",
    "acme-b",
  ]);
});

test("replicasOf() leaves out pods that are going or not ready", () => {
  const slices = [slice(["acme-b", { ready: true, terminating: true }], ["acme-c", { ready: false }])];
  assert.deepEqual(replicasOf(slices, "acme-a"), ["acme-a"]);
});

test("replicasOf() always lists this pod, and no more than agents take", () => {
  assert.deepEqual(replicasOf([], "acme-a"), ["acme-a"]);
  const many = Array.from({ length: 100 }, (_, i): [string] => [`acme-${i}`]);
  assert.equal(replicasOf([slice(...many)], "acme-0").length, 64);
});
