import assert from "node:assert/strict";
import { test } from "node:test";
import { makeGrant, makeTrust, makeWorld, NOW } from "./world-fixture.test.ts";
import { listGranted, listReachable } from "./reachable.ts";

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

test("listGranted() gives logins with other terms an entry of their own", () => {
  const world = makeWorld({
    grants: [
      makeGrant({ targets: [{ host: "web-1", ports: [22, 2222] }], permissions: ["Exec"] }),
      makeGrant({
        uid: "u-2",
        logins: ["ops"],
        targets: [{ host: "web-1", ports: [22, 2222] }],
        permissions: ["Exec"],
      }),
      makeGrant({
        uid: "u-3",
        logins: ["root"],
        targets: [{ host: "web-1", ports: "*" }],
        secondFactor: "PerSession",
        expirationTime: NOW + 1000,
      }),
    ],
  });
  const [first, second, ...rest] = listGranted({ user: "alice", world, announcedTargets: announce });
  assert.deepEqual(first, {
    ...{ cluster: "prod", host: "web-1", exact: true, suspended: false },
    ...{ logins: ["deploy", "ops"], ports: [22, 2222], permissions: ["Exec"], secondFactor: "PerSignIn" },
  });
  assert.deepEqual(
    [second?.logins, second?.secondFactor, second?.expires],
    [["root"], "PerSession", NOW + 1000],
  );
  assert.deepEqual(rest, []);
});

test("listGranted() leaves out what the person may not use from where they are", () => {
  const grants = [makeGrant({ sourceRanges: ["10.0.0.0/8"] })];
  const world = makeWorld({ grants });
  function count(source: string): number {
    return listGranted({ user: "alice", world, source, announcedTargets: () => [] }).length;
  }
  assert.deepEqual([count("::ffff:10.1.2.3"), count("192.0.2.1")], [1, 0]);
});

test("listGranted() shows a suspended cluster as what it is, and none without a key", () => {
  const clusters = [makeTrust({ suspend: true }), makeTrust({ name: "empty", authorities: [] })];
  const world = makeWorld({ grants: [makeGrant({ clusters: "*" })], clusters });
  const listed = listGranted({ user: "alice", world, announcedTargets: () => [] });
  assert.deepEqual(
    listed.map(({ cluster, suspended }) => [cluster, suspended]),
    [["prod", true]],
  );
});
