import assert from "node:assert/strict";
import { test } from "node:test";
import { totpCode } from "@teleport-access/testkit";
import { checkCode, newTotpSecret, otpauthUrl } from "./totp.ts";

/** RFC 6238, appendix B, but for six digits: the secret "12345678901234567890" in base32. */
const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const STEP_MS = 30_000;

test("checkCode accepts the codes of RFC 6238, appendix B", () => {
  const vectors: readonly (readonly [number, string])[] = [
    [59, "287082"],
    [1111111109, "081804"],
    [1111111111, "050471"],
    [1234567890, "005924"],
    [2000000000, "279037"],
  ];
  for (const [second, code] of vectors) {
    assert.deepEqual(checkCode(SECRET, code, second * 1000), { good: true, step: Math.floor(second / 30) });
  }
});

test("checkCode accepts one step before and after, and nothing further away", () => {
  const step = 60_000_000;
  const now = step * STEP_MS + 12_345;
  for (const distance of [-3, -2, -1, 0, 1, 2, 3]) {
    const good = checkCode(SECRET, totpCode(SECRET, step + distance), now).good;
    assert.equal(good, Math.abs(distance) <= 1, `distance ${distance}`);
  }
});

test("checkCode refuses a code that was used, and every code before it", () => {
  const step = 60_000_000;
  const now = step * STEP_MS;
  const reused = { good: false, reason: "code-reused" };
  assert.deepEqual(checkCode(SECRET, totpCode(SECRET, step), now, step), reused);
  assert.deepEqual(checkCode(SECRET, totpCode(SECRET, step - 1), now, step), reused);
  assert.deepEqual(checkCode(SECRET, totpCode(SECRET, step + 1), now, step), { good: true, step: step + 1 });
});

test("checkCode refuses when the clock was set back behind the last code, instead of throwing", () => {
  const step = 60_000_000;
  assert.equal(checkCode(SECRET, totpCode(SECRET, step), step * STEP_MS, step + 1000).good, false);
});

test("checkCode refuses whatever is not six digits", () => {
  const now = 59_000;
  for (const code of ["", "28708", "2870820", " 287082", "287082 ", "２８７０８２", "28708a", "-87082"]) {
    assert.deepEqual(
      checkCode(SECRET, code, now),
      { good: false, reason: "wrong-code" },
      JSON.stringify(code),
    );
  }
});

test("checkCode refuses a secret that is not one of ours", () => {
  for (const secret of ["", "A", "a".repeat(32), "!".repeat(32)]) {
    assert.equal(checkCode(secret, "287082", 59_000).good, false, secret);
  }
});

test("newTotpSecret makes 160 random bits, and otpauthUrl what apps read", () => {
  const secret = newTotpSecret();
  assert.match(secret, /^[A-Z2-7]{32}$/);
  assert.notEqual(newTotpSecret(), secret);
  const url = new URL(otpauthUrl("Acme SSH", "alice", secret));
  assert.equal(url.protocol, "otpauth:");
  assert.equal(url.searchParams.get("secret"), secret);
  assert.equal(url.searchParams.get("issuer"), "Acme SSH");
});
