/**
 * What is made of the namespace's session key (Secret teleport-access-session):
 * one sub-key a purpose, and the sealing of small texts with one of them.
 *
 * A sub-key for each purpose means that a sealed cookie can never be taken for a
 * sealed TOTP secret, whatever else goes wrong. Cookies, TOTP secrets and
 * enrolments are sealed here; the seal of a LoginSession is a MAC over fields
 * that anybody may read: login-session-seal.ts.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** What a sub-key is for. The name is part of the key's derivation, never change one. */
export type SessionKeyPurpose = "cookie" | "enrollment" | "totp" | "login-session";

/** Length of the session key, in bytes: 256 bits. */
export const SESSION_KEY_BYTES = 32;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Longest sealed text we open: a cookie has to fit into a header block of 16 KiB. */
const MAX_SEALED_LENGTH = 4096;

/** The sub-key of `sessionKey` for one purpose. Throws RangeError when the session key is not 32 bytes. */
export function deriveKey(sessionKey: Buffer, purpose: SessionKeyPurpose): Buffer {
  if (sessionKey.length !== SESSION_KEY_BYTES) {
    throw new RangeError(`The session key is ${sessionKey.length} bytes long, not ${SESSION_KEY_BYTES}`);
  }
  return Buffer.from(hkdfSync("sha256", sessionKey, "", `teleport-access ${purpose} v1`, 32));
}

/**
 * Seals `text` so that only a holder of `key` can read or change it, and binds
 * it to `context` (who it is for): opened with another context it is refused.
 * AES-256-GCM with a random nonce; the 2^32 seals that allows are centuries of
 * sign-ins.
 */
export function sealText(key: Buffer, text: string, context: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64url");
}

/** The text inside a seal; undefined when it was not sealed with this key and context, or was changed. */
export function openText(key: Buffer, sealed: string, context: string): string | undefined {
  if (sealed.length > MAX_SEALED_LENGTH || !/^[A-Za-z0-9_-]+$/.test(sealed)) return undefined;
  const bytes = Buffer.from(sealed, "base64url");
  // Node skips what it cannot decode; one seal has one spelling.
  if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString("base64url") !== sealed) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([body, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
