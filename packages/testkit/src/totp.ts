/**
 * What an authenticator app does: RFC 6238 with SHA-1, six digits and steps of
 * thirty seconds. Written apart from the proxy's, so that tests compare two.
 */
import { createHmac } from "node:crypto";

export const TOTP_STEP_SECONDS = 30;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 base32 without padding. */
export function decodeBase32(text: string): Buffer {
  let bits = 0,
    value = 0;
  const bytes: number[] = [];
  for (const character of text.replace(/=+$/, "").toUpperCase()) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) throw new Error("not base32");
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}

/** The number of the step at a time. */
export function totpStep(epochMs: number): number {
  return Math.floor(epochMs / 1000 / TOTP_STEP_SECONDS);
}

/** The six digits of a step (RFC 4226, section 5.3). */
export function totpCode(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac("sha1", decodeBase32(secret)).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0x0f;
  return ((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).toString().padStart(6, "0");
}
