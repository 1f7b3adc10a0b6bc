import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { redact, redactFields, redactText } from "./redact.ts";

const PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXkt\n-----END OPENSSH PRIVATE KEY-----";

const HIDDEN: readonly [string, unknown][] = [
  ["password", "hunter2"],
  ["newPassword", "hunter2"],
  ["token", "hunter2"],
  ["inviteToken", "hunter2"],
  ["clientSecret", { inner: "hunter2" }],
  ["session.key", "hunter2"],
  ["sessionKey", "hunter2"],
  ["private_key", "hunter2"],
  ["cookie", "hunter2"],
  ["Authorization", "hunter2"],
  ["totp", "hunter2"],
  ["seal", "hunter2"],
  ["credentials", ["hunter2"]],
];

for (const [name, value] of HIDDEN) {
  test(`redactFields hides ${name}`, () => {
    const line = JSON.stringify(redactFields({ [name]: value, nested: { [name]: value } }));
    assert.doesNotMatch(line, /hunter2/);
  });
}

test("redactFields keeps what only sounds like a secret", () => {
  const fields = {
    secretName: "a",
    tokenName: "b",
    token: false,
    code: "ECONNREFUSED",
    key: "ns/name",
    sessions: 3,
  };
  assert.deepEqual(redactFields(fields), fields);
});

const SHAPES: readonly [string, string][] = [
  ["a private key", `it was ${PEM}!`],
  ["a cut-off private key", PEM.slice(0, 50)],
  ["a key-helper token", "token tah_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG refused"],
  ["a password hash", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"],
  ["a bearer token", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr"],
];

for (const [name, text] of SHAPES) {
  test(`redactText takes out ${name}`, () => {
    const safe = redactText(text);
    assert.match(safe, /\[redacted\]/);
    assert.doesNotMatch(safe, /b3Blbn|abcdefghijkl|aGFzaA|eyJhbGci/);
  });
}

test("redact makes any value small and harmless", () => {
  assert.equal(redact(createSecretKey(Buffer.from("hunter2"))), "[redacted]");
  assert.equal(redact(Buffer.from("hunter2")), "[7 bytes]");
  assert.equal(redact(10n), "10");
  assert.equal(redact(new Error("why")), "why");
  assert.equal(redact(new Date(0)), "1970-01-01T00:00:00.000Z");
  assert.equal(redact(new Date(Number.NaN)), "[no date]");
  assert.equal(
    redact(() => 1),
    "[function]",
  );
  assert.equal((redact("x".repeat(10_000)) as string).length, 2049);
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  assert.match(JSON.stringify(redact(loop)), /\[nested\]/);
});

test("redact makes JSON of anything", () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withTypedArray: true }), (value) => {
      JSON.stringify(redact(value));
    }),
  );
});
