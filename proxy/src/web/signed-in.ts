/**
 * Who sends this request? From the cookie to the person, and back.
 *
 * The cookie alone is never enough: the LoginSession that it names must be in
 * the access store now, belong to the same person, and not be over; the person
 * must exist and not be suspended. So deleting any of them ends the page at once.
 */
import type { LoginSessionView } from "@teleport-access/access";
import type { FastifyReply, FastifyRequest } from "fastify";
import { deriveKey } from "../signin/session-key.ts";
import type { WebSession } from "../signin/session.ts";
import { openWebSession, sealWebSession } from "../signin/session.ts";
import type { WebDeps } from "./deps.ts";
import { untilStore } from "./until-store.ts";

/** `__Host-` makes browsers insist on Secure, Path=/ and no Domain. */
export const COOKIE_NAME = "__Host-teleport-access";

/** A person with a good cookie. */
export interface SignedIn {
  readonly user: string;
  readonly loginSession: LoginSessionView;
  readonly web: WebSession;
}

/** Reads and writes the cookie. */
export interface Cookies {
  /** Who is signed in, or undefined. */
  read(request: FastifyRequest): Promise<SignedIn | undefined>;
  /** Sets the cookie for a new or a continued web session. */
  write(reply: FastifyReply, web: WebSession): void;
  clear(reply: FastifyReply): void;
}

/** How long a replica waits for its watch to bring a sign-in that another replica has just made. */
const NEWS_TAKES_MS = 1_000;

export function createCookies(deps: Pick<WebDeps, "config" | "store" | "clock" | "sessionKey">): Cookies {
  const key = deriveKey(deps.sessionKey, "cookie");
  const { store, clock } = deps;

  function stillGood(web: WebSession): SignedIn | undefined {
    const loginSession = store.loginSession(web.session);
    if (loginSession?.user !== web.user || clock.now() >= loginSession.expirationTime) return undefined;
    const user = store.user(web.user);
    if (user === undefined || user.suspend) return undefined;
    // Deleted and made again under the same name is somebody else.
    if (loginSession.userUid !== undefined && loginSession.userUid !== user.uid) return undefined;
    return { user: web.user, loginSession, web };
  }
  return {
    async read(request) {
      const value = request.cookies[COOKIE_NAME];
      if (value === undefined) return undefined;
      const web = openWebSession(key, value, clock.now(), deps.config().web);
      if (web === undefined) return undefined;
      const now = stillGood(web);
      if (now !== undefined || clock.now() - web.startedAt > NEWS_TAKES_MS) return now;
      return untilStore(store, clock, NEWS_TAKES_MS, () => stillGood(web));
    },
    write(reply, web) {
      reply.setCookie(COOKIE_NAME, sealWebSession(key, web), {
        path: "/",
        secure: true,
        httpOnly: true,
        sameSite: "strict",
      });
    },
    clear(reply) {
      reply.clearCookie(COOKIE_NAME, { path: "/", secure: true, httpOnly: true, sameSite: "strict" });
    },
  };
}
