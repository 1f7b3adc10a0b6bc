import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loginSessionSealKey, verifySeal } from "./login-session-seal.ts";
import { deriveKey, sealText } from "./session-key.ts";
import { newLoginSession, openWebSession, randomName, sealWebSession } from "./session.ts";

const SESSION_KEY = Buffer.alloc(32, 3);
const NOW = Date.UTC(2026, 0, 1, 8);
const LIMITS = { sessionTtlSeconds: 3600, idleTimeoutSeconds: 1200 };
const key = deriveKey(SESSION_KEY, "cookie");
const WEB = { session: "s-x", user: "alice", startedAt: NOW, lastSeenAt: NOW };

function newSession(userAgent = "Firefox"): ReturnType<typeof newLoginSession> {
  return newLoginSession({
    namespace: "acme",
    user: { name: "alice", uid: "u1", suspend: false },
    sealKey: loginSessionSealKey(SESSION_KEY),
    now: NOW + 123,
    ttlSeconds: 8 * 3600,
    address: "192.0.2.1",
    userAgent,
  });
}

test("newLoginSession makes an object that the CRD accepts and whose seal is good", () => {
  const { metadata, spec } = newSession();
  assert.match(metadata.name, /^s-[a-z2-7]{26}$/);
  assert.equal(spec.expirationTime, "2026-01-01T16:00:00Z");
  assert.deepEqual(spec.factors, ["Password", "TOTP"]);
  assert.equal(metadata.ownerReferences?.[0]?.uid, "u1");
  const fields = { namespace: "acme", name: metadata.name, user: "alice", ...spec };
  assert.equal(verifySeal(loginSessionSealKey(SESSION_KEY), fields, spec.seal), true);
});

test("newLoginSession keeps a stranger's user agent short and harmless", () => {
  const { spec } = newSession(`\u001b[2J\r\n${"é".repeat(500)}`);
  assert.match(spec.userAgent ?? "", /^[\x20-\x7e]{256}$/);
});

test("randomName never makes the same name twice", () => {
  const names = Array.from({ length: 1000 }, () => randomName("kht-", 10));
  assert.equal(new Set(names).size, 1000);
});

test("openWebSession reads what sealWebSession wrote", () => {
  assert.deepEqual(openWebSession(key, sealWebSession(key, WEB), NOW, LIMITS), WEB);
});

test("openWebSession refuses after twenty idle minutes, and after an hour however busy", () => {
  const sealed = sealWebSession(key, WEB);
  assert.notEqual(openWebSession(key, sealed, NOW + 1_199_999, LIMITS), undefined);
  assert.equal(openWebSession(key, sealed, NOW + 1_200_000, LIMITS), undefined);
  const busy = sealWebSession(key, { ...WEB, lastSeenAt: NOW + 3_599_000 });
  assert.notEqual(openWebSession(key, busy, NOW + 3_599_999, LIMITS), undefined);
  assert.equal(openWebSession(key, busy, NOW + 3_600_000, LIMITS), undefined);
});

test("openWebSession refuses cookies that were not sealed as cookies", () => {
  const text = JSON.stringify(["s-x", "alice", NOW, NOW]);
  const foreign = [
    sealText(deriveKey(SESSION_KEY, "totp"), text, "web session"),
    sealText(key, text, "alice"),
    sealText(deriveKey(Buffer.alloc(32, 4), "cookie"), text, "web session"),
    "s-x",
  ];
  for (const value of foreign) assert.equal(openWebSession(key, value, NOW, LIMITS), undefined);
  fc.assert(
    fc.property(fc.string(), (value) => {
      assert.equal(openWebSession(key, value, NOW, LIMITS), undefined);
    }),
  );
});
