/**
 * Teleport 13.4.4 (#33540): a trusted remote proxy could act for users and clusters other than its own.
 * Here an agent is exactly the cluster that its host certificate names and whose CA signed it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseTunnel } from "@teleport-access/access";
import { HOST_CA, makeCertificate, makeTrust, NOW } from "../../packages/access/src/world-fixture.test.ts";

const certificate = makeCertificate({ type: "host", ca: HOST_CA, principals: ["prod"], session: undefined });
const source = "192.0.2.1";

test("an agent of one cluster is refused as any other, even when both trust the same CA", () => {
  assert.equal(refuseTunnel({ cluster: "prod", certificate, source, now: NOW }, makeTrust()), undefined);
  const other = makeTrust({ name: "dev" });
  assert.equal(refuseTunnel({ cluster: "dev", certificate, source, now: NOW }, other), "wrong-cluster");
});

test("an agent of a cluster with a CA of its own is refused as another cluster", () => {
  const dev = makeTrust({ name: "dev", authorities: [] });
  const refused = refuseTunnel({ cluster: "dev", certificate, source, now: NOW }, dev);
  assert.equal(refused, "certificate-unknown-authority");
});
