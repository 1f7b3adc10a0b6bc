/**
 * What signing in and the second factor of a session share: counting the try, checking a one-time code against
 * the stored secret, and spending it. One Secret holds both counters, so it does not matter which door is tried.
 */
import type { Clock } from "@teleport-access/daemon";
import type { CredentialStore, Credentials } from "./credentials.ts";
import { countAttempt } from "./lockout.ts";
import type { AddressBudget, LockoutPolicy } from "./lockout.ts";
import { openText } from "./session-key.ts";
import { checkCode } from "./totp.ts";
import type { CodeCheck } from "./totp.ts";

/** What checking a code needs from the proxy. */
export interface CodeDeps {
  readonly credentials: CredentialStore;
  /** Shared by all doors of this proxy. */
  readonly budget: AddressBudget;
  readonly clock: Clock;
  readonly totpKey: Buffer;
  lockout(): LockoutPolicy;
}

/**
 * Refusals are answered at a multiple of this since the request came in. The
 * work differs (a real user's Secret is read and written, an invented one's is
 * not); the answer's time does not. A sign-in takes 15 to 60 ms of work.
 */
export const REFUSAL_STEP_MS = 400;

/** A secret of the right form which nobody has: the code of an unknown user is checked, too. */
const NOBODYS_SECRET = "A".repeat(32);

/** A try that was written down, or that found the account locked. */
export type Attempted =
  | { readonly locked: true }
  | {
      readonly locked: false;
      readonly credentials: Credentials;
      /** The try, in seconds since the epoch. */
      readonly at: number;
    };

/** Counts a try before anything is looked at; undefined when there are no credentials. */
export async function writeDownAttempt(deps: CodeDeps, user: string): Promise<Attempted | undefined> {
  let attempted: Attempted | undefined;
  await deps.credentials.update(user, (current) => {
    const attempts = countAttempt(current.attempts, deps.clock.now(), deps.lockout());
    if (attempts === "locked") {
      attempted = { locked: true };
      return "leave";
    }
    const credentials = { ...current, attempts };
    attempted = { locked: false, credentials, at: attempts.at(-1) ?? 0 };
    return credentials;
  });
  return attempted;
}

/** Checks a code; without credentials it does the same work and refuses. */
export function checkStoredCode(
  deps: CodeDeps,
  attempt: { readonly user: string; readonly code: string },
  known: Credentials | undefined,
): CodeCheck {
  const sealed = known?.totp;
  const secret = sealed === undefined ? undefined : openText(deps.totpKey, sealed, attempt.user);
  const check = checkCode(secret ?? NOBODYS_SECRET, attempt.code, deps.clock.now(), known?.totpLast);
  return secret === undefined ? { good: false, reason: "wrong-code" } : check;
}

/**
 * Stores the code's step and the tries that are left; false when the code was spent
 * meanwhile, or the credentials that were checked are no longer the ones stored.
 */
export async function spendCode(
  deps: CodeDeps,
  user: string,
  { checked, step }: { readonly checked: Credentials; readonly step: number },
  attemptsLeft: (attempts: readonly number[]) => readonly number[],
): Promise<boolean> {
  let spent = false;
  await deps.credentials.update(user, (current) => {
    const same = current.password === checked.password && current.totp === checked.totp;
    const unused = current.totpLast === undefined || step > current.totpLast;
    spent = same && unused;
    return spent ? { ...current, totpLast: step, attempts: attemptsLeft(current.attempts) } : "leave";
  });
  return spent;
}

/** Waits until the answer may be given. */
export async function untilNextStep(clock: Clock, started: number): Promise<void> {
  const elapsed = clock.monotonic() - started;
  const rest = REFUSAL_STEP_MS - (elapsed % REFUSAL_STEP_MS);
  await new Promise<void>((resolve) => {
    clock.setTimer(rest, resolve);
  });
}
