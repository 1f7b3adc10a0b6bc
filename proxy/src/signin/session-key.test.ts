import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deriveKey, openText, sealText } from "./session-key.ts";
import type { SessionKeyPurpose } from "./session-key.ts";

const SESSION_KEY = Buffer.alloc(32, 7);

test("deriveKey gives each purpose a key of its own", () => {
  const purposes: readonly SessionKeyPurpose[] = ["cookie", "enrollment", "totp", "login-session"];
  const keys = purposes.map((purpose) => deriveKey(SESSION_KEY, purpose).toString("hex"));
  assert.equal(new Set(keys).size, purposes.length);
});

test("deriveKey refuses a session key that is not 32 bytes long", () => {
  for (const length of [0, 16, 31, 33]) {
    assert.throws(() => deriveKey(Buffer.alloc(length), "cookie"), RangeError);
  }
});

test("openText gives back what sealText was given", () => {
  const key = deriveKey(SESSION_KEY, "cookie");
  fc.assert(
    fc.property(fc.string({ maxLength: 500 }), fc.string({ maxLength: 50 }), (text, context) => {
      assert.equal(openText(key, sealText(key, text, context), context), text);
    }),
  );
});

test("openText refuses every other key, context and changed byte", () => {
  const key = deriveKey(SESSION_KEY, "cookie");
  const sealed = sealText(key, "alice", "web session");
  assert.equal(openText(deriveKey(SESSION_KEY, "totp"), sealed, "web session"), undefined);
  assert.equal(openText(deriveKey(Buffer.alloc(32, 8), "cookie"), sealed, "web session"), undefined);
  assert.equal(openText(key, sealed, "other"), undefined);
  const bytes = Buffer.from(sealed, "base64url");
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.equal(openText(key, changed.toString("base64url"), "web session"), undefined, `byte ${index}`);
  }
});

test("openText refuses any text that it did not seal, and never throws", () => {
  const key = deriveKey(SESSION_KEY, "cookie");
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.stringMatching(/^[A-Za-z0-9_-]*$/)), (text) => {
      assert.equal(openText(key, text, ""), undefined);
    }),
  );
});
