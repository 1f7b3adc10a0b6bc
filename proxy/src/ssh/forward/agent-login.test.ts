import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import type { Certificate } from "@teleport-access/sshcert";
import { publicKeyOf } from "@teleport-access/sshcert";
import {
  certificateOf,
  createFixture,
  grantObject,
  HOUR,
  NOW,
  object,
  OTHER_CA,
  sessionObject,
} from "../../world-fixture.test.ts";
import { pickCertificate } from "./agent-login.ts";

const SOURCE = "192.0.2.1";
const SHOWN = certificateOf({ to: NOW + HOUR });
const NEWER = certificateOf({ to: NOW + 2 * HOUR });
const NEWEST = certificateOf({ to: NOW + 3 * HOUR });

function pick(
  held: readonly Certificate[],
  { secondFactor, grant }: { readonly secondFactor?: boolean; readonly grant?: object } = {},
): Certificate | undefined {
  const { store, put } = createFixture();
  // Somebody else, whose certificate is as good as alice's.
  put("proxyusers", object("proxyusers", "bob", {}));
  put("useraccesses", grantObject("bob-prod", { userRef: { name: "bob" } }));
  put("loginsessions", sessionObject("s-bob", { user: "bob" }));
  if (grant !== undefined) put("useraccesses", grantObject("alice-prod", grant));
  const identity = { by: "certificate", certificate: SHOWN } as const;
  const factor = secondFactor === undefined ? {} : { secondFactor };
  const request = { kind: "authenticate", identity, source: SOURCE, ...factor } as const;
  return pickCertificate(held, { user: "alice", certificate: SHOWN, request }, store.world(NOW));
}

const ROWS: readonly {
  name: string;
  held: readonly Certificate[];
  want: Certificate | undefined;
  why: string;
}[] = [
  { name: "the one that was shown", held: [NEWER, SHOWN], want: SHOWN, why: "it is what was proven" },
  {
    name: "the longest of the others",
    held: [NEWER, NEWEST],
    want: NEWEST,
    why: "the agent has a renewed one",
  },
  { name: "nothing of an empty agent", held: [], want: undefined, why: "there is nothing" },
  {
    name: "none of another person",
    held: [certificateOf({ keyId: "bob", session: "s-bob" })],
    want: undefined,
    why: "the connection is alice's",
  },
  {
    name: "none of another CA",
    held: [certificateOf({ ca: OTHER_CA, to: NOW + 2 * HOUR })],
    want: undefined,
    why: "only our user CA says who somebody is",
  },
  {
    name: "none of another key",
    held: [certificateOf({ publicKey: publicKeyOf(generateKeyPairSync("ed25519").privateKey) })],
    want: undefined,
    why: "that key was not proven on this connection",
  },
  { name: "none that is over", held: [certificateOf({ to: NOW })], want: undefined, why: "it is expired" },
  {
    name: "none whose sign-in is gone",
    held: [certificateOf({ session: "s-gone", to: NOW + 2 * HOUR })],
    want: undefined,
    why: "signing out ends every certificate of it",
  },
];
for (const { name, held, want, why } of ROWS) {
  test(`pickCertificate() takes ${name}: ${why}`, () => {
    assert.equal(pick(held)?.serial, want?.serial, why);
  });
}

test("pickCertificate() takes a renewed certificate with the code that was proven, and not without", () => {
  const grant = { secondFactor: "PerSession" };
  assert.equal(pick([NEWER], { grant, secondFactor: true })?.serial, NEWER.serial);
  assert.equal(pick([NEWER], { grant }), undefined);
});
