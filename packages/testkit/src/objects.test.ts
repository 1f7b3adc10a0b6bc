import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "./fake-apply.ts";
import { schemaProblems } from "./crd-schema.ts";
import * as objects from "./objects.ts";

const BUILDERS = {
  teleportProxy: objects.teleportProxy,
  teleportCluster: objects.teleportCluster,
  trustedHostCa: objects.trustedHostCa,
  proxyUser: objects.proxyUser,
  userAccess: objects.userAccess,
  keyHelperToken: objects.keyHelperToken,
  loginSession: objects.loginSession,
  hostCertificate: objects.hostCertificate,
};

describe("objects", () => {
  for (const [name, builder] of Object.entries(BUILDERS)) {
    test(`${name} makes an object that its schema takes`, () => {
      const object = builder();
      assert.deepEqual(schemaProblems(object.kind, object as unknown as JsonObject), []);
    });
  }

  test("userAccess has the API server's defaults", () => {
    const { spec } = objects.userAccess();
    assert.deepEqual(spec.permissions, ["Shell", "Exec", "FileTransfer", "AgentForwarding"]);
    assert.equal(spec.secondFactor, "PerSignIn");
    assert.equal(spec.suspend, false);
  });

  test("teleportProxy has the defaults of nested objects", () => {
    const { spec } = objects.teleportProxy();
    assert.deepEqual(spec.service.ports, { ssh: 3023, tunnel: 3024, web: 443 });
    assert.equal(spec.authentication.lockout.maxAttempts, 5);
    assert.equal(spec.userCA.rotation.overlap, "48h");
  });

  test("userAccess takes what the test says", () => {
    const grant = objects.userAccess({ name: "x", spec: { logins: ["root"], suspend: true } });
    assert.equal(grant.metadata.name, "x");
    assert.deepEqual(grant.spec.logins, ["root"]);
    assert.equal(grant.spec.suspend, true);
    assert.deepEqual(grant.spec.clusters, ["prod"]);
  });

  test("objects made one after the other differ in uid", () => {
    assert.notEqual(objects.proxyUser().metadata.uid, objects.proxyUser().metadata.uid);
  });
});
