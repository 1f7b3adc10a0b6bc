/**
 * Is this the person they say they are? Password and one-time code, counted,
 * and answered so that a stranger learns nothing from text or time.
 *
 * The order matters: the try is written down before the password is looked at
 * (parallel guesses cannot outrun the count), and the code is spent by the same
 * write that clears the count (two replicas cannot both accept it).
 */
import type { User } from "@teleport-access/access";
import { checkStoredCode, spendCode, untilNextStep, writeDownAttempt } from "./code-check.ts";
import type { CodeDeps } from "./code-check.ts";
import type { Credentials } from "./credentials.ts";
import { BUSY } from "./password.ts";
import type { Passwords } from "./password.ts";
import type { CodeCheck } from "./totp.ts";

/** What somebody typed, and where from. */
export interface SignInAttempt {
  readonly user: string;
  readonly password: string;
  readonly code: string;
  readonly address: string;
}

/** Why a sign-in was refused. For the audit log; the person sees one text for all but the last two. */
export type SignInRefusal =
  | "unknown-user"
  | "suspended"
  | "not-enrolled"
  | "wrong-password"
  | "wrong-code"
  | "code-reused"
  | "locked-out"
  | "rate-limited"
  | "busy";

/** The answer. */
export type SignInResult =
  | { readonly allowed: true; readonly user: User }
  | { readonly allowed: false; readonly reason: SignInRefusal };

/** What the check needs from the proxy. */
export interface SignInDeps extends CodeDeps {
  readonly passwords: Passwords;
  user(name: string): User | undefined;
}

/** Checks one attempt, start to end. Throws only when the API server does not answer. */
export async function checkSignIn(deps: SignInDeps, attempt: SignInAttempt): Promise<SignInResult> {
  const started = deps.clock.monotonic();
  const now = deps.clock.now();
  if (!deps.budget.allows(attempt.address, now)) return { allowed: false, reason: "rate-limited" };
  // Before the try is counted: a flood must not lock out the people it keeps waiting.
  if (deps.passwords.busy()) return { allowed: false, reason: "busy" };
  const result = await decideSignIn(deps, attempt).catch(async (error: unknown) => {
    // An API server that answers with an error for real users only would tell them apart by time.
    await untilNextStep(deps.clock, started);
    throw error;
  });
  if (result.allowed || result.reason === "busy") return result;
  deps.budget.failed(attempt.address, now);
  await untilNextStep(deps.clock, started);
  return result;
}

async function decideSignIn(deps: SignInDeps, attempt: SignInAttempt): Promise<SignInResult> {
  const user = deps.user(attempt.user);
  const attempted = user === undefined ? undefined : await writeDownAttempt(deps, user.name);
  const known = attempted?.locked === false ? attempted.credentials : undefined;
  const password = await deps.passwords.verify(known?.password, attempt.password);
  if (password === BUSY) return { allowed: false, reason: "busy" };
  const code = checkStoredCode(deps, attempt, known);
  // All the work is done before any of it is looked at.
  if (user === undefined) return { allowed: false, reason: "unknown-user" };
  if (attempted?.locked === true) return { allowed: false, reason: "locked-out" };
  if (known === undefined) return { allowed: false, reason: "not-enrolled" };
  return decideKnown(deps, user, known, { password, code });
}

/** What was found out about somebody who has credentials. */
interface Factors {
  readonly password: boolean;
  readonly code: CodeCheck;
}

async function decideKnown(
  deps: SignInDeps,
  user: User,
  known: Credentials,
  { password, code }: Factors,
): Promise<SignInResult> {
  if (known.password === undefined || known.totp === undefined) {
    return { allowed: false, reason: "not-enrolled" };
  }
  if (!password) return { allowed: false, reason: "wrong-password" };
  if (!code.good) return { allowed: false, reason: code.reason };
  // After the factors, so that only the person learns that they are suspended, by not getting in.
  if (user.suspend) return { allowed: false, reason: "suspended" };
  const spent = await spendCode(deps, user.name, { checked: known, step: code.step }, () => []);
  return spent ? { allowed: true, user } : { allowed: false, reason: "code-reused" };
}
