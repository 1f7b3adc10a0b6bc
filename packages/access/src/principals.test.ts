import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decide } from "./decide.ts";
import { HOUR, makeCertificate, makeGrant, makeTrust, makeWorld, NOW } from "./world-fixture.test.ts";
import { EXTENSION_OF_PERMISSION } from "./certificate-facts.ts";
import { PERMISSIONS } from "./grant.ts";
import type { Grant } from "./grant.ts";
import { principalsFor } from "./principals.ts";
import type { CertificateContent } from "./principals.ts";
import type { ClusterTrust } from "./world.ts";

function contentOf(
  grants: readonly Grant[],
  hosts: readonly string[] = [],
  clusters: readonly ClusterTrust[] = [makeTrust()],
): CertificateContent {
  return principalsFor({
    grants,
    clusters,
    announcedTargets: () => hosts.map((host) => ({ host })),
    now: NOW,
  });
}

describe("principalsFor()", () => {
  test("principalsFor() gives login@cluster for a grant on all targets", () => {
    const { principals } = contentOf([makeGrant({ logins: ["root", "deploy"] })]);
    assert.deepEqual(principals, ["deploy@prod", "root@prod"]);
  });

  test("principalsFor() gives login@host.cluster for a grant that names hosts", () => {
    const { principals } = contentOf([makeGrant({ targets: [{ host: "Web-1", ports: [22] }] })]);
    assert.deepEqual(principals, ["deploy@web-1.prod"]);
  });

  test("principalsFor() turns a glob into the hosts that the agents announce", () => {
    const grant = makeGrant({ targets: [{ host: "web-*", ports: "*" }] });
    const { principals, omitted } = contentOf([grant], ["web-1", "web-2", "db-1", "web-*"]);
    assert.deepEqual(principals, ["deploy@web-1.prod", "deploy@web-2.prod"]);
    assert.deepEqual(omitted, []);
  });

  test("principalsFor() says which glob no announced host matches", () => {
    const { principals, omitted } = contentOf(
      [makeGrant({ targets: [{ host: "web-*", ports: "*" }] })],
      ["web-*"],
    );
    assert.deepEqual(principals, []);
    assert.deepEqual(omitted, [{ principal: "deploy@web-*.prod", why: "glob" }]);
  });

  test("principalsFor() gives a bare login for a Plain cluster, and never for a Scoped one", () => {
    const clusters = [makeTrust({ principals: "Plain" }), makeTrust({ name: "dev", uid: "u-dev" })];
    const { principals } = contentOf([makeGrant({ clusters: "*" })], [], clusters);
    assert.deepEqual(principals, ["deploy", "deploy@dev"]);
  });

  test("principalsFor() leaves out what a cluster-wide principal already opens", () => {
    const { principals } = contentOf([
      makeGrant(),
      makeGrant({ uid: "u-2", logins: ["deploy", "root"], targets: [{ host: "web-1", ports: "*" }] }),
    ]);
    assert.deepEqual(principals, ["deploy@prod", "root@web-1.prod"]);
  });

  test("principalsFor() leaves out suspended clusters and grants that are not in force", () => {
    assert.deepEqual(contentOf([makeGrant()], [], [makeTrust({ suspend: true })]).principals, []);
    assert.deepEqual(contentOf([makeGrant({ expirationTime: NOW })]).principals, []);
    assert.deepEqual(contentOf([makeGrant({ startTime: NOW + 1 })]).principals, []);
    assert.deepEqual(contentOf([makeGrant({ targets: [] })]).principals, []);
  });

  test("principalsFor() keeps cluster-wide principals when there are more than OpenSSH reads, and names the rest", () => {
    const hosts = Array.from({ length: 300 }, (_, i) => ({ host: `web-${i}`, ports: "*" as const }));
    const content = contentOf([makeGrant({ targets: hosts }), makeGrant({ uid: "u-2", logins: ["root"] })]);
    assert.equal(content.principals.length, 256);
    assert.equal(content.principals[0], "root@prod");
    assert.equal(content.omitted.length, 45);
    assert.ok(content.omitted.every(({ why }) => why === "too-many"));
  });

  test("principalsFor() gives only permissions that every grant behind it has", () => {
    const { permissions } = contentOf([
      makeGrant({ permissions: [...PERMISSIONS] }),
      makeGrant({ uid: "u-2", logins: ["root"], permissions: ["Shell", "PortForwarding"] }),
    ]);
    assert.deepEqual(permissions, ["Shell", "PortForwarding"]);
  });

  test("principalsFor() ends with the last grant, unless one has no end", () => {
    const ending = [
      makeGrant({ expirationTime: NOW + HOUR }),
      makeGrant({ uid: "u-2", logins: ["root"], expirationTime: NOW + 2 * HOUR }),
    ];
    assert.equal(contentOf(ending).notAfter, NOW + 2 * HOUR);
    assert.equal(contentOf([...ending, makeGrant({ uid: "u-3", logins: ["dba"] })]).notAfter, undefined);
  });

  test("principalsFor() takes the lowest of the grants' own bounds", () => {
    const grants = [
      makeGrant({ maxCertificateTtlSeconds: 3600 }),
      makeGrant({ maxCertificateTtlSeconds: 900 }),
    ];
    assert.equal(contentOf(grants).maxTtlSeconds, 900);
  });
});

test("a certificate with the content of principalsFor() is never refused for exceeding the grants that made it", () => {
  const grants = fc
    .array(
      fc.record({
        logins: fc.subarray(["root", "deploy", "dba"], { minLength: 1 }),
        targets: fc.constantFrom<Grant["targets"]>(
          [{ host: "*", ports: "*" }],
          [{ host: "web-*", ports: "*" }],
          [{ host: "web-1", ports: "*" }],
        ),
        permissions: fc.constantFrom<Grant["permissions"]>(
          [...PERMISSIONS],
          ["Shell", "Exec", "FileTransfer"],
        ),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((list) => list.map((parts, i) => makeGrant({ ...parts, uid: `u-${i}`, name: `g-${i}` })));
  fc.assert(
    fc.property(grants, (granted) => {
      const { principals, permissions } = contentOf(granted, ["web-1", "web-2", "db-1"]);
      const extensions = permissions.flatMap((p) => EXTENSION_OF_PERMISSION[p] ?? []);
      const certificate = makeCertificate({
        principals,
        extensions: Object.fromEntries(extensions.map((name) => [name, ""])),
      });
      const world = makeWorld({ grants: granted });
      for (const host of ["web-1", "web-2", "db-1"]) {
        const decision = decide(
          {
            ...{ kind: "jump", identity: { by: "certificate", certificate }, source: "192.0.2.1" },
            ...{ cluster: "prod", host, port: 22 },
          },
          world,
        );
        if (!decision.allowed) assert.equal(decision.reason, "target-not-granted");
      }
    }),
    { numRuns: 100 },
  );
});
