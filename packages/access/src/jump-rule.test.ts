import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Certificate } from "@teleport-access/sshcert";
import { decide } from "./decide.ts";
import { makeGrant, makeTrust, makeWorld } from "./world-fixture.test.ts";
import { PERMISSIONS } from "./grant.ts";
import type { Grant } from "./grant.ts";
import { honouredLogins } from "./jump-rule.ts";
import { by, forward, GOOD, jump } from "./refusal-rows.test.ts";

/** A certificate with other content; unsigned, which does not matter to what is live. */
function withContent(principals: readonly string[], extensions: readonly string[]): Certificate {
  const session = [...GOOD.extensions].filter(([name]) => name.includes("@"));
  return {
    ...GOOD,
    principals,
    extensions: new Map([...session, ...extensions.map((name) => [name, Buffer.of()] as const)]),
  };
}

/** Grants over a few names, so that they meet each other. */
const grants: fc.Arbitrary<Grant[]> = fc
  .array(
    fc.record({
      clusters: fc.constantFrom<Grant["clusters"]>("*", ["prod"], ["dev"], []),
      logins: fc.subarray(["root", "deploy", "dba"]),
      targets: fc.constantFrom<Grant["targets"]>(
        [{ host: "*", ports: "*" }],
        [{ host: "web-*", ports: [22] }],
        [{ host: "web-1", ports: "*" }],
        [],
      ),
      permissions: fc.subarray([...PERMISSIONS]),
      suspend: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map((list) => list.map((parts, i) => makeGrant({ ...parts, uid: `u-${i}`, name: `g-${i}` })));

const PRINCIPALS = ["root@prod", "deploy@prod", "root@web-1.prod", "dba@web-2.prod", "deploy@dev", "root"];
const EXTENSIONS = [
  "permit-X11-forwarding",
  "permit-pty",
  "permit-agent-forwarding",
  "permit-port-forwarding",
  "permit-user-rc",
];

const certificates: fc.Arbitrary<Certificate> = fc
  .record({
    principals: fc.subarray(PRINCIPALS, { minLength: 1 }),
    extensions: fc.subarray(EXTENSIONS),
  })
  .map(({ principals, extensions }) => withContent(principals, extensions));

describe("the jump rule", () => {
  test("a jump that is allowed opens nothing that the forward form would refuse", () => {
    fc.assert(
      fc.property(
        grants,
        certificates,
        fc.constantFrom("Scoped", "Plain"),
        (granted, certificate, principals) => {
          const world = makeWorld({ grants: granted, clusters: [makeTrust({ principals })] });
          if (!decide(jump({ live: true, identity: by(certificate) }), world).allowed) return;
          const honoured = certificate.principals.flatMap((p) => {
            const [login = "", scope] = p.split("@");
            const inScope = scope === "prod" || scope === "web-1.prod";
            return (principals === "Plain" ? scope === undefined : inScope) ? [login] : [];
          });
          assert.ok(honoured.length > 0);
          for (const login of honoured) {
            for (const permission of ["Shell", "Exec", "FileTransfer"] as const) {
              assert.ok(
                decide(forward({ live: true, login, permission }), world).allowed,
                `${login} ${permission}`,
              );
            }
            if (certificate.extensions.has("permit-port-forwarding")) {
              assert.ok(decide(forward({ live: true, login, permission: "PortForwarding" }), world).allowed);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("taking a grant away never allows a jump that was refused", () => {
    fc.assert(
      fc.property(grants, certificates, fc.nat(), (granted, certificate, index) => {
        const fewer = granted.filter((_, i) => i !== index % Math.max(granted.length, 1));
        const request = jump({ live: true, identity: by(certificate) });
        if (!decide(request, makeWorld({ grants: fewer })).allowed) return;
        assert.ok(decide(request, makeWorld({ grants: granted })).allowed);
      }),
      { numRuns: 500 },
    );
  });

  test("a certificate with more in it is never allowed where one with less is refused for exceeding", () => {
    fc.assert(
      fc.property(grants, certificates, (granted, certificate) => {
        const wider = withContent([...new Set([...certificate.principals, "root@prod"])], EXTENSIONS);
        const world = makeWorld({ grants: granted });
        const less = decide(jump({ live: true, identity: by(certificate) }), world);
        if (less.allowed || less.reason !== "jump-exceeds-grant") return;
        assert.ok(!decide(jump({ live: true, identity: by(wider) }), world).allowed);
      }),
      { numRuns: 300 },
    );
  });
});

describe("honouredLogins()", () => {
  const target = { cluster: makeTrust(), host: "web-1", port: 22 };

  test("honouredLogins() reads the scopes of the target, in any case, and each login once", () => {
    const principals = [
      "a@prod",
      "b@WEB-1.prod",
      "c@web-2.prod",
      "d@dev",
      "e",
      "a@web-1.prod",
      "f@web-1.prod.prod",
    ];
    assert.deepEqual(honouredLogins(principals, target), ["a", "b"]);
  });

  test("honouredLogins() reads every bare login in a Plain cluster", () => {
    const cluster = makeTrust({ principals: "Plain" });
    assert.deepEqual(honouredLogins(["a", "b@prod", "c"], { ...target, cluster }), ["a", "c"]);
  });
});
