import assert from "node:assert/strict";
import { test } from "node:test";
import { makeGrant, makeTrust, makeWorld, NOW } from "./world-fixture.test.ts";
import { listReachable } from "./reachable.ts";

function announce(): { host: string }[] {
  return [{ host: "web-1" }, { host: "web-2" }, { host: "db-*" }];
}

test("listReachable() lists hosts that agents announce, with all logins of all grants", () => {
  const world = makeWorld({
    grants: [
      makeGrant({ targets: [{ host: "web-*", ports: "*" }] }),
      makeGrant({ uid: "u-2", logins: ["root"], targets: [{ host: "web-1", ports: "*" }] }),
      makeGrant({ uid: "u-3", logins: ["dba"], targets: [{ host: "db-*", ports: "*" }] }),
    ],
  });
  assert.deepEqual(listReachable("alice", world, announce), [
    { cluster: "prod", host: "db-*", exact: false, logins: ["dba"] },
    { cluster: "prod", host: "web-1", exact: true, logins: ["deploy", "root"] },
    { cluster: "prod", host: "web-2", exact: true, logins: ["deploy"] },
  ]);
});

test("listReachable() lists nothing that is over, suspended, untrusted or somebody else's", () => {
  const grants = [
    makeGrant({ expirationTime: NOW }),
    makeGrant({ uid: "u-2", suspend: true }),
    makeGrant({ uid: "u-3", clusters: ["off", "empty"] }),
    makeGrant({ uid: "u-4", user: "bob" }),
  ];
  const clusters = [
    makeTrust(),
    makeTrust({ name: "off", suspend: true }),
    makeTrust({ name: "empty", authorities: [] }),
  ];
  assert.deepEqual(listReachable("alice", makeWorld({ grants, clusters }), announce), []);
});
