/**
 * A person in front of the proxy's pages: enrols with an invite, signs in with
 * password and authenticator, and asks for a key-helper token. A TOTP step works
 * once only, so the last one used is part of what a person remembers.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Kubectl } from "./kubectl.ts";
import { TOTP_STEP_SECONDS, totpCode, totpStep } from "./totp.ts";
import type { WebClient } from "./web-client.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly totpSecret: string;
  readonly otpauthUrl: string;
  /** The newest TOTP step already used. */
  readonly lastStep: number;
}

export interface Invite {
  readonly url: string;
  readonly user: string;
  readonly token: string;
}

/** `https://host/invite#<user>.<token>`: the part after # never reaches a server's log. */
export function parseInvite(url: string): Invite {
  const match = /^https:\/\/[^#]+\/invite#([^.]+)\.(\S+)$/.exec(url);
  if (match === null) throw new Error("not an invite URL");
  return { url, user: match[1] ?? "", token: match[2] ?? "" };
}

/** The invite as an administrator reads it, to send it to the person. */
export async function readInvite(kubectl: Kubectl, namespace: string, user: string): Promise<Invite> {
  return parseInvite((await kubectl.secretValue(namespace, `${user}-invite`, "url")).trim());
}

/** The next step whose code the proxy will take: newer than the last, at most one ahead of the clock. */
async function nextStep(lastStep: number): Promise<number> {
  const step = Math.max(totpStep(Date.now()), lastStep + 1);
  const early = (step - 1) * TOTP_STEP_SECONDS * 1000 - Date.now();
  if (early > 0) await sleep(early + 50);
  return step;
}

/** Chooses the password, scans the TOTP secret, proves it with a first code. */
export async function enrol(web: WebClient, invite: Invite, password: string): Promise<Credentials> {
  const { user, token } = invite;
  const { totpSecret, otpauthUrl, enrollment } = await web.startEnrollment(user, token);
  const lastStep = totpStep(Date.now());
  await web.finishEnrollment(user, token, { enrollment, password, code: totpCode(totpSecret, lastStep) });
  return { user, password, totpSecret, otpauthUrl, lastStep };
}

/** Signs in; may wait for the authenticator's next code. Gives the credentials with the used step. */
export async function signIn(web: WebClient, credentials: Credentials): Promise<Credentials> {
  const lastStep = await nextStep(credentials.lastStep);
  const { user, password, totpSecret } = credentials;
  await web.signIn(user, password, totpCode(totpSecret, lastStep));
  return { ...credentials, lastStep };
}
