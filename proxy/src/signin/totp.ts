/**
 * One-time codes (RFC 6238): making a secret, showing it, checking a code.
 *
 * A code is good for its own 30-second step and the one on either side, once.
 * otplib has no memory of its own: the caller stores the step that was used
 * (compare-and-swap on the credentials, so that it holds across replicas) and
 * passes it in at the next check.
 */
import { generateSecret, generateURI, verifySync } from "otplib";

/** RFC 6238, section 5.2: a step of 30 s, and one step for clocks and slow typing. */
const STEP_SECONDS = 30;
const CODE = /^[0-9]{6}$/;
const SECRET = /^[A-Z2-7]{32}$/;

/** A code that counts names its time step, to be stored; any other says nothing. */
export type CodeCheck =
  | { readonly good: true; readonly step: number }
  | { readonly good: false; readonly reason: "wrong-code" | "code-reused" };

/** A new secret: 160 random bits in base32, the length RFC 4226, section 4 recommends. */
export function newTotpSecret(): string {
  return generateSecret();
}

/** The text inside the QR code, which authenticator apps read. */
export function otpauthUrl(issuer: string, user: string, secret: string): string {
  return generateURI({ issuer, label: user, secret });
}

/**
 * Checks `code` at `now` (ms). Refused when it is not six digits, belongs to no
 * step in the window, or to a step not later than `lastStep`: a code used once,
 * and everything before it, is spent.
 */
export function checkCode(secret: string, code: string, now: number, lastStep?: number): CodeCheck {
  if (!CODE.test(code) || !SECRET.test(secret)) return { good: false, reason: "wrong-code" };
  // otplib throws when afterTimeStep lies ahead of its window (a clock set back),
  // and our rule is simpler: any step up to the last one used is refused.
  const result = verifySync({
    secret,
    token: code,
    epoch: Math.floor(now / 1000),
    epochTolerance: STEP_SECONDS,
  });
  if (!result.valid || !("timeStep" in result)) return { good: false, reason: "wrong-code" };
  if (lastStep !== undefined && result.timeStep <= lastStep) return { good: false, reason: "code-reused" };
  return { good: true, step: result.timeStep };
}
