import assert from "node:assert/strict";
import { test } from "node:test";
import { loginSessionSealKey, sealLoginSession, verifySeal } from "./login-session-seal.ts";
import type { SealedFields } from "./login-session-seal.ts";

const KEY = loginSessionSealKey(Buffer.alloc(32, 1));
const FIELDS: SealedFields = {
  namespace: "acme",
  name: "s-abc",
  user: "alice",
  expirationTime: "2026-01-02T15:04:05Z",
  factors: ["Password", "TOTP"],
};

test("sealLoginSession makes 43 characters, the same at each replica", () => {
  const seal = sealLoginSession(KEY, FIELDS);
  assert.match(seal, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(sealLoginSession(loginSessionSealKey(Buffer.alloc(32, 1)), FIELDS), seal);
});

test("sealLoginSession never changes: sessions of a running system would be lost", () => {
  // Worked out apart from this code, with Python's hmac and hashlib.
  assert.equal(sealLoginSession(KEY, FIELDS), "tvE9f5_lASr25VHCnjOopWRfUqqwVBP3UboJJXgF3CE");
});

test("verifySeal does not care about the order of the factors, which are a set", () => {
  const seal = sealLoginSession(KEY, FIELDS);
  assert.equal(verifySeal(KEY, { ...FIELDS, factors: ["TOTP", "Password"] }, seal), true);
});

test("verifySeal refuses a session of which any field was changed", () => {
  const seal = sealLoginSession(KEY, FIELDS);
  const changes: readonly Partial<SealedFields>[] = [
    { namespace: "other" },
    { name: "s-abd" },
    { user: "mallory" },
    { expirationTime: "2027-01-02T15:04:05Z" },
    { factors: ["Password"] },
    { factors: ["Password", "TOTP", "TOTP"] },
  ];
  for (const change of changes) {
    assert.equal(verifySeal(KEY, { ...FIELDS, ...change }, seal), false, JSON.stringify(change));
  }
});

test("verifySeal refuses another namespace's key, and anything that is no seal", () => {
  const seal = sealLoginSession(KEY, FIELDS);
  assert.equal(verifySeal(loginSessionSealKey(Buffer.alloc(32, 2)), FIELDS, seal), false);
  for (const wrong of ["", "x", seal.slice(1), `${seal}A`, "ä".repeat(43)]) {
    assert.equal(verifySeal(KEY, FIELDS, wrong), false, wrong);
  }
});

test("verifySeal does not let a field's end move into the next field", () => {
  const seal = sealLoginSession(KEY, { ...FIELDS, name: 'a","b', user: "c" });
  assert.equal(verifySeal(KEY, { ...FIELDS, name: "a", user: 'b","c' }, seal), false);
});
