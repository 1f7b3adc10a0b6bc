/**
 * Teleport 17.7.26 (#67688): users of one name in two clusters could end each other's forwards, because
 * the name was the key. Here a person is a name and a uid: whoever is made anew under an old name gets
 * nothing of what the old one had open.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "@teleport-access/access";
import { ALICE, makeCertificate, makeWorld } from "../../packages/access/src/world-fixture.test.ts";

test("a sign-in of an earlier person of the same name is no sign-in", () => {
  const request = {
    kind: "authenticate",
    identity: { by: "certificate", certificate: makeCertificate() },
    source: "192.0.2.1",
  } as const;
  assert.equal(decide(request, makeWorld()).allowed, true);
  const namesake = { ...ALICE, uid: "u-alice-2" };
  assert.deepEqual(decide(request, makeWorld({ users: [namesake] })), {
    allowed: false,
    reason: "session-gone",
  });
});
