/**
 * Teleport GHSA-c9v7-wmwj-vf6x: SFTP stayed open to people whose role forbade it, through another path.
 * Here a grant without FileTransfer refuses the jump, whose inside nobody sees, and in the forward form
 * it is a permission of its own, which no other implies.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, PERMISSIONS } from "@teleport-access/access";
import { makeCertificate, makeGrant, makeWorld } from "../../packages/access/src/world-fixture.test.ts";

const world = makeWorld({
  grants: [makeGrant({ permissions: PERMISSIONS.filter((p) => p !== "FileTransfer") })],
});
const asker = {
  identity: { by: "certificate", certificate: makeCertificate() },
  source: "192.0.2.1",
  cluster: "prod",
  host: "web-1",
  port: 22,
} as const;

test("a jump is refused when the grant does not permit file transfer", () => {
  assert.deepEqual(decide({ kind: "jump", ...asker }, world), {
    allowed: false,
    reason: "jump-exceeds-grant",
  });
});

test("no other permission stands in for file transfer", () => {
  const ask = { kind: "forward", ...asker, login: "deploy" } as const;
  assert.equal(decide({ ...ask, permission: "FileTransfer" }, world).allowed, false);
  assert.equal(decide({ ...ask, permission: "Exec" }, world).allowed, true);
});
