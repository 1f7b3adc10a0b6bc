import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprint, formatPublicKeyLine, generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import type { KeyHelperHello } from "@teleport-access/wire";
import type { KeyHelperTokenView } from "../acl/store.ts";
import { createFakeMachine, helloOf, TOKEN } from "./fake-key-helper.ts";
import { hashOfToken, judgeHello } from "./hello.ts";
import type { HelloFacts } from "./hello.ts";

const NOW = Date.UTC(2026, 0, 1);
const NONCE = "n".repeat(43);
const machine = createFakeMachine();
const device = fingerprint(publicKeyOf(machine.deviceKey));
const VIEW: KeyHelperTokenView = {
  name: "kht-1",
  uid: "u1",
  user: "alice",
  tokenHash: hashOfToken(TOKEN),
  expirationTime: NOW + 1000,
  resourceVersion: "1",
};

function factsWith(view: Partial<KeyHelperTokenView> = {}, more: Partial<HelloFacts> = {}): HelloFacts {
  return {
    nonce: NONCE,
    server: "proxy.example.com",
    now: NOW,
    token: (hash) => (hash === VIEW.tokenHash ? { ...VIEW, ...view } : undefined),
    user: (name) => ({ name, uid: "p1", suspend: false }),
    ...more,
  };
}

function judge(hello: KeyHelperHello, facts: HelloFacts = factsWith()): string {
  const verdict = judgeHello(hello, facts);
  return verdict.accepted ? "accepted" : verdict.reason;
}

test("judgeHello accepts a good token with a proven device key", () => {
  const verdict = judgeHello(helloOf(machine, NONCE), factsWith());
  assert.ok(verdict.accepted);
  assert.equal(verdict.helper.device, device);
  assert.ok(verdict.helper.publicKey.blob.equals(publicKeyOf(machine.sshKey).blob));
});

test("judgeHello names what is wrong to the holder of a good token, and nothing to anybody else", () => {
  const other = createFakeMachine();
  const otherKey = formatPublicKeyLine(publicKeyOf(other.sshKey));
  const table: readonly (readonly [string, string, string])[] = [
    ["an unknown token", judge(helloOf(machine, NONCE, { token: `tah_${"b".repeat(43)}` })), "bad-token"],
    ["an empty token", judge(helloOf(machine, NONCE, { token: "" })), "bad-token"],
    ["the hash instead of the token", judge(helloOf(machine, NONCE, { token: VIEW.tokenHash })), "bad-token"],
    ["somebody else's token", judge(helloOf(machine, NONCE, { user: "bob" })), "wrong-user"],
    [
      "a token that is over",
      judge(helloOf(machine, NONCE), factsWith({ expirationTime: NOW })),
      "expired-token",
    ],
    [
      "a challenge passed on by a relay",
      judge(helloOf(machine, NONCE, { server: "evil.org" })),
      "wrong-server",
    ],
    ["an answer to another challenge", judge(helloOf(machine, "m".repeat(43))), "bad-proof"],
    [
      "another key than was signed for",
      judge({ ...helloOf(machine, NONCE), publicKey: otherKey }),
      "bad-proof",
    ],
    ["no signature at all", judge({ ...helloOf(machine, NONCE), signature: "AAAA" }), "bad-proof"],
    [
      "a token bound to another device",
      judge(helloOf(machine, NONCE), factsWith({ boundKeyFingerprint: `SHA256:${"x".repeat(43)}` })),
      "wrong-device",
    ],
    [
      "an SSH key that the token does not name",
      judge(helloOf(machine, NONCE), factsWith({ publicKeyFingerprint: `SHA256:${"x".repeat(43)}` })),
      "wrong-key",
    ],
    [
      "a person who is gone",
      judge(helloOf(machine, NONCE), factsWith({}, { user: () => undefined })),
      "bad-token",
    ],
    [
      "a person who is suspended",
      judge(helloOf(machine, NONCE), factsWith({}, { user: (name) => ({ name, uid: "p1", suspend: true }) })),
      "suspended",
    ],
  ];
  for (const [what, have, want] of table) assert.equal(have, want, what);
});

test("judgeHello accepts the device and the key that the token names", () => {
  const key = fingerprint(publicKeyOf(machine.sshKey));
  const facts = factsWith({ boundKeyFingerprint: device, publicKeyFingerprint: key });
  assert.equal(judge(helloOf(machine, NONCE), facts), "accepted");
});

test("judgeHello takes Ed25519 device keys only", () => {
  const odd = { ...machine, deviceKey: generatePrivateKey("Ed25519") };
  const hello = helloOf(odd, NONCE);
  const ecdsa = formatPublicKeyLine(publicKeyOf(generatePrivateKey("ECDSAP256")));
  assert.equal(judge({ ...hello, devicePublicKey: ecdsa }), "bad-proof");
});
