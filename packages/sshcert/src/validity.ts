/**
 * The time window of an OpenSSH certificate.
 *
 * This file only answers "is it valid at this second". Who signed the
 * certificate and what it permits are questions for verify.ts. Seconds are
 * counted in UTC since 1970; no local time and no daylight saving enters here.
 */

/** Seconds since 1970, half-open: `validAfter <= t < validBefore`. */
export interface Validity {
  readonly validAfter: bigint;
  readonly validBefore: bigint;
}

export type ValidityState = "valid" | "not-yet-valid" | "expired" | "empty";

/** The value of `validBefore` that ssh-keygen writes for "forever". */
export const FOREVER = 0xffff_ffff_ffff_ffffn;

/** JavaScript's last instant (ECMA-262, section 21.4.1.1) in seconds. */
const LAST_DATE_SECONDS = 8_640_000_000_000n;

/**
 * Places `now` relative to the window. The window is half-open: sshd refuses a
 * certificate at its `validBefore` second, so we do too; otherwise the two ends
 * of one connection could disagree for a second.
 */
export function validityAt(window: Validity, now: Date): ValidityState {
  if (window.validBefore <= window.validAfter) return "empty";
  const seconds = secondsOfDate(now);
  if (seconds < window.validAfter) return "not-yet-valid";
  return seconds < window.validBefore ? "valid" : "expired";
}

/** The whole seconds since 1970. @throws RangeError for an invalid or earlier date. */
export function secondsOfDate(date: Date): bigint {
  const seconds = Math.floor(date.getTime() / 1000);
  if (!(seconds >= 0)) throw new RangeError("not a date after 1970");
  return BigInt(seconds);
}

/** The instant, or undefined when it is beyond what a Date can hold, as "forever" is. */
export function dateOfSeconds(seconds: bigint): Date | undefined {
  return seconds > LAST_DATE_SECONDS ? undefined : new Date(Number(seconds) * 1000);
}
