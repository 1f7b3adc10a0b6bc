import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judgeEntry } from "./entry.ts";
import type { EntryWish } from "./entry.ts";
import type { Grant } from "./grant.ts";
import { makeCertificate, makeGrant, makeWorld, NOW } from "./world-fixture.test.ts";

const PLAIN = makeGrant({ targets: [{ host: "web-*", ports: "*" }] });
const CODE = makeGrant({ uid: "u-2", secondFactor: "PerSession", targets: [{ host: "db-*", ports: "*" }] });

function entry(grants: readonly Grant[], wish: EntryWish = { code: false }): string {
  const identity = { by: "certificate", certificate: makeCertificate() } as const;
  const asked = { kind: "authenticate", identity, source: "192.0.2.1" } as const;
  const found = judgeEntry(asked, wish, makeWorld({ grants }));
  if (found.kind === "refused") return found.reason;
  assert.equal(found.request.secondFactor ?? false, found.kind === "code", "kept for re-judgement");
  return `${found.kind} ${found.grants.map(({ uid }) => uid).join(",")}`;
}

function to(host: string, login = "deploy"): EntryWish {
  return { code: false, target: { cluster: "prod", host, port: 22, login } };
}

const WANTED: EntryWish = { code: true };
const ROWS: readonly (readonly [string, string, string])[] = [
  ["lets in as they are who has only grants without a code", entry([PLAIN]), `open ${PLAIN.uid}`],
  ["asks for a code where no grant would let the person in without one", entry([CODE]), "code u-2"],
  ["lets in with mixed grants, by those without a code", entry([PLAIN, CODE]), `open ${PLAIN.uid}`],
  ["asks who asks for it", entry([PLAIN, CODE], WANTED), `code ${PLAIN.uid},u-2`],
  ["asks who asks for it without a need", entry([PLAIN], WANTED), `code ${PLAIN.uid}`],
  ["asks where the named target needs it", entry([PLAIN, CODE], to("db-1")), `code ${PLAIN.uid},u-2`],
  ["does not ask where the named target does not", entry([PLAIN, CODE], to("web-1")), `open ${PLAIN.uid}`],
  [
    "asks nobody for a target that no code opens",
    entry([PLAIN, CODE], to("db-1", "root")),
    `open ${PLAIN.uid}`,
  ],
  [
    "does not ask where a grant without a code covers the named target, too",
    entry([PLAIN, CODE, makeGrant({ uid: "u-3" })], to("db-1")),
    `open ${PLAIN.uid},u-3`,
  ],
  [
    "asks nobody whom a code would not let in",
    entry([makeGrant({ expirationTime: NOW })], WANTED),
    "grant-expired",
  ],
  ["asks nobody without a grant", entry([], WANTED), "no-grant"],
];

describe("judgeEntry()", () => {
  for (const [what, answer, want] of ROWS) {
    test(`judgeEntry() ${what}`, () => {
      assert.equal(answer, want);
    });
  }
});
