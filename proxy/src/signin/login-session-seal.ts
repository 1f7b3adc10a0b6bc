/**
 * Was this LoginSession made by a proxy of this namespace?
 *
 * Anybody who may create LoginSession objects could write one with kubectl; the
 * seal, a MAC by a key that only the proxies hold, is what makes it a sign-in.
 * The access store drops every session whose seal is not good. Pure.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { deriveKey } from "./session-key.ts";

/** The sealed fields of a LoginSession, as its object spells them. */
export interface SealedFields {
  readonly namespace: string;
  readonly name: string;
  readonly user: string;
  /** RFC 3339, byte for byte as in `spec.expirationTime`. */
  readonly expirationTime: string;
  /** In any order. */
  readonly factors: readonly string[];
}

/** The key of the seals. Derive it once, at start. */
export function loginSessionSealKey(sessionKey: Buffer): Buffer {
  return deriveKey(sessionKey, "login-session");
}

/** The seal of a LoginSession: 43 characters of base64url. `key` comes from loginSessionSealKey. */
export function sealLoginSession(key: Buffer, fields: SealedFields): string {
  // JSON of an array, not a join: no separator that a field could contain.
  const text = JSON.stringify([
    fields.namespace,
    fields.name,
    fields.user,
    fields.expirationTime,
    fields.factors.toSorted(),
  ]);
  return createHmac("sha256", key).update("login-session-v1\0").update(text).digest("base64url");
}

/** Whether `seal` is the seal of exactly these fields. Compares in constant time. */
export function verifySeal(key: Buffer, fields: SealedFields, seal: string): boolean {
  const want = Buffer.from(sealLoginSession(key, fields));
  const have = Buffer.from(seal);
  return have.length === want.length && timingSafeEqual(have, want);
}
