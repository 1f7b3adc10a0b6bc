/**
 * The web port: TLS, the HTTP API, the pages, and the WebSockets of key-helpers and agents.
 *
 * Every request passes the same gates before a route sees it: size and time
 * limits (node), requests per address, origin, and, unless the route is declared
 * open, a signed-in person. A route that nobody declared anything about is closed.
 */
import type { Server as HttpsServer } from "node:https";
import cookie from "@fastify/cookie";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import { errorFields } from "@teleport-access/daemon";
import { fastify } from "fastify";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { createKeyHelpers } from "../key-helper/server.ts";
import { networkOf } from "../signin/lockout.ts";
import { createPasswords } from "../signin/password.ts";
import type { ApiErrorCode } from "./api.ts";
import { createContext } from "./context.ts";
import type { WebApp, WebContext } from "./context.ts";
import type { WebDeps } from "./deps.ts";
import { sendError } from "./errors.ts";
import { isOwnOrigin, isSafeMethod } from "./origin.ts";
import { addEnrollRoutes } from "./routes-enroll.ts";
import { addPublicRoutes } from "./routes-public.ts";
import { addSessionRoutes } from "./routes-session.ts";
import { addTokenRoutes } from "./routes-tokens.ts";
import { createTunnelDoor } from "../tunnel/web-door.ts";
import { introduceConnections } from "./introduce.ts";
import type { SignedIn } from "./signed-in.ts";
import { loadStaticFiles } from "./static-files.ts";
import { routeUpgrades } from "./upgrades.ts";

/** The running web port. */
export interface WebServer {
  /** Opens the port; the number is the port in use (0 picks one). */
  listen(port: number, host: string): Promise<number>;
  /** Closes every connection; key-helpers are told to come back elsewhere. */
  close(): Promise<void>;
}

/** Bodies of ours are some hundred bytes; design §14 allows a megabyte. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
/** A whole request, headers and body, has to be here in this time (slow-loris). */
const REQUEST_TIMEOUT_MS = 15_000;
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 60_000;
/** Requests of one address in a minute: a page load is five, an open page makes four a minute. */
const REQUESTS_PER_MINUTE = 300;
/** A cookie is written anew when its last use lies further back than this. */
const RESEAL_MS = 30_000;

/** Makes the web port; it does not listen yet. Rejects when the browser's files or the TLS key cannot be used. */
export async function createWebServer(deps: WebDeps): Promise<WebServer> {
  const context = createContext(deps, await createPasswords());
  const files = await loadStaticFiles(deps.uiDirectory ?? new URL("./ui/", import.meta.url));
  const app = createApp(deps);
  const cutArrivals = introduce(deps, app.server);
  const keyHelpers = createKeyHelpers(deps);
  const tunnelDoor = createTunnelDoor(deps);
  routeUpgrades(app.server, [keyHelpers, tunnelDoor]);
  const stopTls = deps.onTlsChange(() => {
    reloadTls(deps, app.server);
  });

  await addGates(app, context);
  addErrorHandlers(app, deps);
  addPublicRoutes(app, deps, files);
  addEnrollRoutes(app, context);
  addSessionRoutes(app, context);
  addTokenRoutes(app, context);
  await app.ready();

  return {
    async listen(port, host) {
      await app.listen({ port, host });
      const address = app.server.address();
      return typeof address === "object" && address !== null ? address.port : port;
    },
    async close() {
      stopTls();
      cutArrivals();
      keyHelpers.close();
      tunnelDoor.close();
      await app.close();
    },
  };
}

function createApp(deps: WebDeps): WebApp {
  const app: WebApp = fastify({
    https: {
      ...deps.tls(),
      minVersion: "TLSv1.2",
      maxHeaderSize: MAX_HEADER_BYTES,
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
    },
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: true,
    // The address is the socket's: no header of HTTP is trusted to say another.
    trustProxy: false,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
  });
  app.server.maxConnections = deps.config().limits.maxConnections;
  return app;
}

/** Lets a load balancer say whose its connections are. Returns what cuts those who have not been introduced. */
function introduce(deps: WebDeps, server: HttpsServer): () => void {
  if (deps.introduce === undefined) return () => undefined;
  const introduced = introduceConnections(server, deps.introduce, (client, reason) => {
    deps.log.warn("web connection refused", { client, reason });
  });
  return () => {
    introduced.cut();
  };
}

function reloadTls(deps: WebDeps, server: HttpsServer): void {
  try {
    server.setSecureContext({ ...deps.tls(), minVersion: "TLSv1.2" });
    deps.log.info("web certificate reloaded");
  } catch (error) {
    // The old certificate stays in use: a bad file must not take the port down.
    deps.log.error("web certificate not usable", errorFields(error));
  }
}

async function addGates(app: WebApp, context: WebContext): Promise<void> {
  await app.register(rateLimit, {
    max: REQUESTS_PER_MINUTE,
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: (request) => networkOf(request.ip),
  });
  await app.register(cookie);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        // The QR code of an enrolment comes inside the answer, as a data: URL.
        imgSrc: ["'self'", "data:"],
        connectSrc: ["'self'"],
        formAction: ["'none'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    frameguard: { action: "deny" },
    referrerPolicy: { policy: "no-referrer" },
    strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false },
    crossOriginEmbedderPolicy: false,
  });
  app.decorateRequest("signedIn", null);
  app.addHook("onRequest", (request, reply) => guard(context, request, reply));
}

/** Origin, then person. Answers the request itself when it may not go on. */
async function guard(
  context: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  reply.header("cache-control", "no-store");
  const refusal = refuseUnseen(context.deps, request);
  if (refusal !== undefined) return sendError(reply, refusal);
  if (request.is404 || request.routeOptions.config.open === true) return undefined;
  const signedIn = await context.cookies.read(request);
  if (signedIn === undefined) return sendError(reply, "not-signed-in");
  request.signedIn = signedIn;
  continueSession(context, request, reply, signedIn);
  return undefined;
}

/** What can be refused without knowing who it is. */
function refuseUnseen(deps: WebDeps, request: FastifyRequest): ApiErrorCode | undefined {
  const { method, url, headers } = request;
  if (!isSafeMethod(method) && !isOwnOrigin(headers.origin, deps.config().publicAddresses.web)) {
    return "bad-origin";
  }
  // Before its first lists the store knows nobody, and "wrong password" would be a lie.
  return url.startsWith("/api/") && !deps.store.synced ? "not-ready" : undefined;
}

/** Counts the request as use of the session, unless it says that it is a page refreshing itself. */
function continueSession(
  { deps, cookies }: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { web }: SignedIn,
): void {
  // An unattended browser must run into the idle timeout.
  if (isSafeMethod(request.method) && request.url.endsWith("?look")) return;
  const now = deps.clock.now();
  if (now - web.lastSeenAt > RESEAL_MS) cookies.write(reply, { ...web, lastSeenAt: now });
}

const CODE_OF_STATUS: Readonly<Record<number, ApiErrorCode>> = {
  413: "too-large",
  415: "bad-request",
  429: "too-many-requests",
};

function addErrorHandlers(app: WebApp, deps: WebDeps): void {
  // Routes are counted by themselves; what is not one would go uncounted.
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (_request, reply) => sendError(reply, "not-found"));
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return sendError(reply, CODE_OF_STATUS[status] ?? "bad-request");
    deps.log.error("web request failed", {
      method: request.method,
      route: request.routeOptions.url,
      ...errorFields(error),
    });
    return sendError(reply, "internal");
  });
}
