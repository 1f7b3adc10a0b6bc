import assert from "node:assert/strict";
import { test } from "node:test";

import {
  formatPublicKeyLine,
  generatePrivateKey,
  parsePublicKeyLine,
  publicKeyOf,
} from "@teleport-access/sshcert";
import fc from "fast-check";

import {
  encodeKeyHelperMessage,
  KEY_HELPER_TOKEN,
  keyHelperProof,
  parseKeyHelperClientMessage,
  parseKeyHelperServerMessage,
} from "./key-helper.ts";
import type { KeyHelperHello, KeyHelperServerMessage } from "./key-helper.ts";
import { WireError } from "./wire-error.ts";

const key = publicKeyOf(generatePrivateKey("Ed25519"));
const line = formatPublicKeyLine(key);
const HELLO: KeyHelperHello = {
  type: "hello",
  version: 1,
  user: "alice",
  token: `tah_${"a".repeat(43)}`,
  server: "access.example:443",
  devicePublicKey: line,
  signature: "AAAA",
  publicKey: line,
};
const KNOWN_HOSTS = [{ cluster: "prod", keys: [line] }];
const SERVER: readonly KeyHelperServerMessage[] = [
  { type: "challenge", version: 1, nonce: "n".repeat(43) },
  {
    type: "welcome",
    user: "alice",
    ssh: { address: "access.example:3023", hostKeys: [line] },
    webAddress: "https://access.example",
    knownHosts: KNOWN_HOSTS,
    state: "waiting",
  },
  { type: "state", state: "signed-in" },
  {
    type: "certificate",
    line: "ssh-ed25519-cert-v01@openssh.com AAAA",
    serial: "18446744073709551615",
    validAfter: "2026-01-01T00:00:00Z",
    validBefore: "2026-01-01T08:00:00.000Z",
    principals: ["root@prod"],
  },
  { type: "known-hosts", knownHosts: KNOWN_HOSTS },
  { type: "revoked", reason: "no-grant" },
  { type: "refused", reason: "bad-token", message: "This token is not known." },
];

test("parseKeyHelperClientMessage reads what encodeKeyHelperMessage writes", () => {
  assert.deepEqual(parseKeyHelperClientMessage(encodeKeyHelperMessage(HELLO)), HELLO);
});

for (const message of SERVER) {
  test(`parseKeyHelperServerMessage reads what encodeKeyHelperMessage writes: ${message.type}`, () => {
    assert.deepEqual(parseKeyHelperServerMessage(encodeKeyHelperMessage(message)), message);
  });
}

test("parseKeyHelperServerMessage skips a type of a newer proxy", () => {
  assert.equal(parseKeyHelperServerMessage('{"type":"from-the-future"}'), undefined);
});

const BAD: readonly { name: string; change: Record<string, unknown>; why: string }[] = [
  { name: "no token", change: { token: "" }, why: "empty is never right" },
  { name: "another user's form", change: { user: "../alice" }, why: "names become object names" },
  { name: "an upper-case server", change: { server: "Access.example" }, why: "the proof must be one text" },
  { name: "a server with a path", change: { server: "a/b" }, why: "host and port" },
  {
    name: "a private key",
    change: { publicKey: "-----BEGIN OPENSSH PRIVATE KEY-----" },
    why: "a slip that must not travel on",
  },
  {
    name: "a certificate as device key",
    change: { devicePublicKey: "ssh-ed25519-cert-v01@openssh.com AAAA" },
    why: "plain keys only",
  },
  { name: "a signature that is not base64", change: { signature: "!" }, why: "strict" },
  { name: "version 0", change: { version: 0 }, why: "no such version" },
  { name: "another type", change: { type: "welcome" }, why: "the proxy's word" },
];
for (const row of BAD) {
  test(`parseKeyHelperClientMessage refuses ${row.name}`, () => {
    assert.throws(
      () => parseKeyHelperClientMessage(JSON.stringify({ ...HELLO, ...row.change })),
      WireError,
      row.why,
    );
  });
}

test("parseKeyHelperClientMessage never quotes the token in an error", () => {
  const text = JSON.stringify({ ...HELLO, token: `tah_${"x".repeat(40)}\n` });
  assert.throws(
    () => parseKeyHelperClientMessage(text),
    (error) => error instanceof WireError && !error.message.includes("x".repeat(40)),
  );
});

test("key-helper messages of any text parse or throw WireError", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      for (const parse of [parseKeyHelperClientMessage, parseKeyHelperServerMessage]) {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      }
    }),
  );
});

test("encodeKeyHelperMessage and the parsers refuse more than 64 KiB", () => {
  assert.throws(() => encodeKeyHelperMessage({ type: "revoked", reason: "x".repeat(70_000) }), WireError);
  assert.throws(() => parseKeyHelperServerMessage(JSON.stringify({ type: "x".repeat(70_000) })), WireError);
});

const PROOF = {
  nonce: "n".repeat(43),
  server: "access.example",
  user: "alice",
  token: HELLO.token,
  publicKey: key,
};

test("keyHelperProof begins with its context and holds the token only as a hash", () => {
  const proof = keyHelperProof(PROOF);
  assert.equal(proof.subarray(0, 30).toString("latin1"), "teleport-access-key-helper-v1\0");
  assert.equal(proof.includes(HELLO.token), false);
  assert.deepEqual(proof, keyHelperProof({ ...PROOF, publicKey: parsePublicKeyLine(line) }));
});

const OTHER_PROOFS: readonly Partial<typeof PROOF>[] = [
  { nonce: "m".repeat(43) },
  { server: "evil.example" },
  { user: "bob" },
  { token: `tah_${"b".repeat(43)}` },
  { publicKey: publicKeyOf(generatePrivateKey("Ed25519")) },
  { server: "access.examplea", user: "lice" },
];
for (const change of OTHER_PROOFS) {
  test(`keyHelperProof binds ${Object.keys(change).join(" and ")}`, () => {
    assert.notDeepEqual(keyHelperProof({ ...PROOF, ...change }), keyHelperProof(PROOF));
  });
}

test("KEY_HELPER_TOKEN is the form of a token", () => {
  assert.match(HELLO.token, KEY_HELPER_TOKEN);
  assert.doesNotMatch("tah_short", KEY_HELPER_TOKEN);
});
