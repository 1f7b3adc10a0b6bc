/**
 * What the routes share: the web server's dependencies and what is made of them
 * once, at start.
 */
import type { Server as HttpsServer } from "node:https";
import type { FastifyInstance } from "fastify";
import type { EnrollDeps } from "../signin/invite.ts";
import type { AddressBudget } from "../signin/lockout.ts";
import { loginSessionSealKey } from "../signin/login-session-seal.ts";
import type { Passwords } from "../signin/password.ts";
import { deriveKey } from "../signin/session-key.ts";
import type { SignInDeps } from "../signin/sign-in.ts";
import type { WebDeps } from "./deps.ts";
import type { Cookies, SignedIn } from "./signed-in.ts";
import { createCookies } from "./signed-in.ts";

/** The fastify server that routes are added to. */
export type WebApp = FastifyInstance<HttpsServer>;

declare module "fastify" {
  interface FastifyContextConfig {
    /** Anybody may call this route. Without it, a route needs a person who is signed in. */
    open?: boolean;
  }
  interface FastifyRequest {
    /** Set on every route that is not open. */
    signedIn: SignedIn | null;
  }
}

/** Made once, by server.ts. */
export interface WebContext {
  readonly deps: WebDeps;
  readonly cookies: Cookies;
  readonly budget: AddressBudget;
  readonly signIn: SignInDeps;
  readonly enroll: EnrollDeps;
  /** Seals LoginSessions. */
  readonly sealKey: Buffer;
}

export function createContext(deps: WebDeps, passwords: Passwords): WebContext {
  const { store, codes, sessionKey } = deps;
  const { credentials, budget, totpKey } = codes;
  const user = store.user.bind(store);
  return {
    deps,
    cookies: createCookies(deps),
    budget,
    sealKey: loginSessionSealKey(sessionKey),
    signIn: { ...codes, passwords, user },
    enroll: {
      passwords,
      credentials,
      enrollmentKey: deriveKey(sessionKey, "enrollment"),
      totpKey,
      user,
      issuer: () => deps.config().authentication.totpIssuer,
    },
  };
}
