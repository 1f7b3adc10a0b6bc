/**
 * Is the code right that somebody with a proven certificate typed? Counted with the tries at the web page,
 * single use with the codes of the web page, and answered in the same time.
 *
 * A right code takes back its own try and no other: it proves less than a whole sign-in, so it must not
 * give whoever guesses passwords meanwhile a fresh start.
 */
import { errorFields } from "@teleport-access/daemon";
import type { Logger } from "@teleport-access/daemon";
import { checkStoredCode, spendCode, untilNextStep, writeDownAttempt } from "./code-check.ts";
import type { CodeDeps } from "./code-check.ts";

/** Why a code was refused. The person sees one text for all. */
export type SecondFactorRefusal =
  | "second-factor-wrong"
  | "code-reused"
  | "locked-out"
  | "rate-limited"
  | "not-enrolled"
  /** The API server did not answer: nobody can know whether the code is fresh. */
  | "second-factor-unavailable";

/** The answer; undefined: the code was right, and is spent. */
export type SecondFactorAnswer = SecondFactorRefusal | undefined;

/** What the check needs from the proxy. */
export interface SecondFactorDeps extends CodeDeps {
  readonly log: Logger;
}

/** What was typed, by whom, and where from. */
export interface SecondFactorAttempt {
  readonly user: string;
  readonly code: string;
  readonly address: string;
}

/** Checks one code, start to end. Never rejects. */
export async function checkSecondFactor(
  deps: SecondFactorDeps,
  attempt: SecondFactorAttempt,
): Promise<SecondFactorAnswer> {
  const started = deps.clock.monotonic();
  const now = deps.clock.now();
  if (!deps.budget.allows(attempt.address, now)) return "rate-limited";
  const refused = await decideCode(deps, attempt).catch((error: unknown): SecondFactorRefusal => {
    deps.log.warn("second factor not checked", errorFields(error));
    return "second-factor-unavailable";
  });
  if (refused === undefined) return undefined;
  // An outage is not the person's failure.
  if (refused !== "second-factor-unavailable") deps.budget.failed(attempt.address, now);
  await untilNextStep(deps.clock, started);
  return refused;
}

async function decideCode(deps: SecondFactorDeps, attempt: SecondFactorAttempt): Promise<SecondFactorAnswer> {
  const attempted = await writeDownAttempt(deps, attempt.user);
  if (attempted === undefined) return "not-enrolled";
  if (attempted.locked) return "locked-out";
  const { credentials: checked, at } = attempted;
  if (checked.password === undefined || checked.totp === undefined) return "not-enrolled";
  const code = checkStoredCode(deps, attempt, checked);
  if (!code.good) return code.reason === "wrong-code" ? "second-factor-wrong" : code.reason;
  const spent = await spendCode(deps, attempt.user, { checked, step: code.step }, (attempts) =>
    without(attempts, at),
  );
  return spent ? undefined : "code-reused";
}

/** The tries without one of those at that second. */
function without(attempts: readonly number[], at: number): readonly number[] {
  const index = attempts.findIndex((attempt) => attempt === at);
  return attempts.filter((_, position) => position !== index);
}
