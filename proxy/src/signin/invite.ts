/**
 * Enrolment: turning a one-time invite into a password and a TOTP secret.
 *
 * Two requests and no state between them: the first makes a secret and hands it
 * out together with a sealed copy of itself, the second brings the seal back with
 * a password and a code that proves the authenticator has it. Nothing is stored
 * before both factors are there. The invite is used up by the write that stores
 * them, so of two people with the same URL one is enrolled, and the other told so.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { User } from "@teleport-access/access";
import type { CredentialStore, Credentials } from "./credentials.ts";
import { BUSY, passwordProblem } from "./password.ts";
import type { Passwords } from "./password.ts";
import { openText, sealText } from "./session-key.ts";
import { checkCode, newTotpSecret, otpauthUrl } from "./totp.ts";

/** Why an enrolment was refused. The first three are one text for the person. */
export type EnrollRefusal =
  | "unknown-user"
  | "bad-invite"
  | "expired-invite"
  | "bad-enrollment"
  | "weak-password"
  | "wrong-code"
  | "busy";

/** A refusal; `detail` is a sentence for the person, where there is more to say than the reason. */
export interface EnrollRefused {
  readonly enrolled: false;
  readonly reason: EnrollRefusal;
  readonly detail?: string;
}

/** What the page needs to show. */
export interface EnrollmentStart {
  readonly enrolled: "started";
  readonly totpSecret: string;
  readonly otpauthUrl: string;
  /** To be sent back unchanged. */
  readonly enrollment: string;
}

/** What enrolment needs from the proxy. */
export interface EnrollDeps {
  readonly passwords: Passwords;
  readonly credentials: CredentialStore;
  /** Seals enrolments on their way through the browser. */
  readonly enrollmentKey: Buffer;
  /** Seals the TOTP secret that is stored. */
  readonly totpKey: Buffer;
  user(name: string): User | undefined;
  issuer(): string;
}

/** Who brings the invite. */
export interface InviteHolder {
  readonly user: string;
  readonly token: string;
}

/** The second request. */
export interface EnrollmentFinish extends InviteHolder {
  readonly enrollment: string;
  readonly password: string;
  readonly code: string;
}

/** Time to install an app and scan a code. */
const ENROLLMENT_MS = 30 * 60_000;

/** First request: checks the invite, makes a secret. Stores nothing. */
export async function startEnrollment(
  deps: EnrollDeps,
  holder: InviteHolder,
  now: number,
): Promise<EnrollmentStart | EnrollRefused> {
  const invite = await checkInvite(deps, holder, now);
  if ("enrolled" in invite) return invite;
  const totpSecret = newTotpSecret();
  const sealed = JSON.stringify({ secret: totpSecret, until: now + ENROLLMENT_MS });
  return {
    enrolled: "started",
    totpSecret,
    otpauthUrl: otpauthUrl(deps.issuer(), holder.user, totpSecret),
    enrollment: sealText(deps.enrollmentKey, sealed, contextOf(holder.user, invite.hash)),
  };
}

/** Second request: checks everything, stores password and secret, uses the invite up. */
export async function finishEnrollment(
  deps: EnrollDeps,
  finish: EnrollmentFinish,
  now: number,
): Promise<{ readonly enrolled: true } | EnrollRefused> {
  const invite = await checkInvite(deps, finish, now);
  if ("enrolled" in invite) return invite;
  const secret = openEnrollment(deps, finish, invite.hash, now);
  if (secret === undefined) return refuse("bad-enrollment");
  const problem = passwordProblem(finish.password);
  if (problem !== undefined) return refuse("weak-password", problem);
  const code = checkCode(secret, finish.code, now);
  if (!code.good) return refuse("wrong-code");
  const password = await deps.passwords.hash(finish.password);
  if (password === BUSY) return refuse("busy");

  const totp = sealText(deps.totpKey, secret, finish.user);
  const stored = await deps.credentials.update(finish.user, (current) =>
    current.inviteHash === invite.hash && current.password === undefined
      ? // Built from nothing: hash and expiry of the invite are gone with the same write.
        { password, totp, totpLast: code.step, attempts: [] }
      : "leave",
  );
  // Somebody with the same invite was faster.
  if (stored?.password !== password) return refuse("bad-invite");
  await deps.credentials.deleteInvite(finish.user);
  return { enrolled: true };
}

async function checkInvite(
  deps: EnrollDeps,
  holder: InviteHolder,
  now: number,
): Promise<{ readonly hash: string } | EnrollRefused> {
  const user = deps.user(holder.user);
  if (user === undefined || user.suspend) return refuse("unknown-user");
  const credentials = await deps.credentials.read(user.name);
  const hash = createHash("sha256").update(holder.token).digest("hex");
  if (credentials === undefined || !matchesInvite(credentials, hash)) return refuse("bad-invite");
  if (credentials.inviteExpires === undefined || now >= credentials.inviteExpires)
    return refuse("expired-invite");
  return { hash };
}

/** An invite for somebody who has a password already is not one, whatever the Secret says. */
function matchesInvite(credentials: Credentials, hash: string): boolean {
  if (credentials.inviteHash === undefined || credentials.password !== undefined) return false;
  const want = Buffer.from(credentials.inviteHash);
  const have = Buffer.from(hash);
  return want.length === have.length && timingSafeEqual(want, have);
}

function openEnrollment(
  deps: EnrollDeps,
  finish: EnrollmentFinish,
  hash: string,
  now: number,
): string | undefined {
  const text = openText(deps.enrollmentKey, finish.enrollment, contextOf(finish.user, hash));
  if (text === undefined) return undefined;
  // We sealed it ourselves: its shape needs no checking.
  const { secret, until } = JSON.parse(text) as { secret: string; until: number };
  return now < until ? secret : undefined;
}

/** Binds the sealed enrolment to one person and one invite. */
function contextOf(user: string, inviteHash: string): string {
  return `${user} ${inviteHash}`;
}

function refuse(reason: EnrollRefusal, detail?: string): EnrollRefused {
  return { enrolled: false, reason, ...(detail === undefined ? {} : { detail }) };
}
