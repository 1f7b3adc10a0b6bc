/**
 * A sign-in once it is made: the LoginSession object, and the browser's cookie.
 *
 * The LoginSession is good for a working day and is what certificates hang on;
 * the cookie is one browser's use of it, for an hour at most and twenty minutes
 * of idleness. The cookie names the session but is sealed: knowing a session's
 * name (kubectl shows it) is worth nothing, and deleting the object ends both.
 */
import { randomBytes } from "node:crypto";
import type { LoginSession } from "@teleport-access/crd";
import { API_VERSION } from "@teleport-access/crd";
import type { User } from "@teleport-access/access";
import { openText, sealText } from "./session-key.ts";
import { sealLoginSession } from "./login-session-seal.ts";

/** Lower-case base32 (RFC 4648), which object names may consist of. */
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** Random characters for an object's name: five bits each. */
export function randomName(prefix: string, length: number): string {
  return prefix + Array.from(randomBytes(length), (byte) => BASE32[byte & 31]).join("");
}

/** What a new sign-in is made of. */
export interface NewSession {
  readonly namespace: string;
  readonly user: User;
  /** From loginSessionSealKey. */
  readonly sealKey: Buffer;
  readonly now: number;
  readonly ttlSeconds: number;
  readonly address: string;
  readonly userAgent: string;
}

/** The object to create for a person who has just proved password and code. */
export function newLoginSession(session: NewSession): LoginSession {
  const { namespace, user } = session;
  const name = randomName("s-", 26);
  // Whole seconds: the API server gives a time back as it got it, but people read it.
  const expires = Math.floor(session.now / 1000) + session.ttlSeconds;
  const expirationTime = new Date(expires * 1000).toISOString().replace(".000Z", "Z");
  const factors = ["Password", "TOTP"] as const;
  const seal = sealLoginSession(session.sealKey, {
    namespace,
    name,
    user: user.name,
    expirationTime,
    factors,
  });
  return {
    apiVersion: API_VERSION,
    kind: "LoginSession",
    metadata: {
      name,
      namespace,
      // The sign-in of a deleted person goes with them.
      ownerReferences: [{ apiVersion: API_VERSION, kind: "ProxyUser", name: user.name, uid: user.uid }],
    },
    spec: {
      userRef: { name: user.name },
      expirationTime,
      sourceAddress: session.address.slice(0, 64),
      userAgent: printable(session.userAgent).slice(0, 256),
      factors,
      seal,
    },
  };
}

/** A stranger's text without anything that a terminal could act on. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}

/** What the cookie says. Times are milliseconds since the epoch. */
export interface WebSession {
  readonly session: string;
  readonly user: string;
  readonly startedAt: number;
  readonly lastSeenAt: number;
}

/** How long a browser may use a sign-in. */
export interface WebSessionLimits {
  readonly sessionTtlSeconds: number;
  readonly idleTimeoutSeconds: number;
}

const COOKIE_CONTEXT = "web session";

/** The cookie's value. */
export function sealWebSession(cookieKey: Buffer, web: WebSession): string {
  return sealText(
    cookieKey,
    JSON.stringify([web.session, web.user, web.startedAt, web.lastSeenAt]),
    COOKIE_CONTEXT,
  );
}

/** What a cookie says, if it is ours, and neither over nor idle. The LoginSession still has to be looked up. */
export function openWebSession(
  cookieKey: Buffer,
  value: string,
  now: number,
  limits: WebSessionLimits,
): WebSession | undefined {
  const text = openText(cookieKey, value, COOKIE_CONTEXT);
  if (text === undefined) return undefined;
  const [session, user, startedAt, lastSeenAt] = JSON.parse(text) as [string, string, number, number];
  if (now >= startedAt + limits.sessionTtlSeconds * 1000) return undefined;
  if (now >= lastSeenAt + limits.idleTimeoutSeconds * 1000) return undefined;
  return { session, user, startedAt, lastSeenAt };
}
