/**
 * Signing in, signing out, and "who am I".
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { customResource } from "@teleport-access/kube";
import { listReachable } from "@teleport-access/access";
import type { LoginSessionView, ReachableTarget, User } from "@teleport-access/access";
import { newLoginSession } from "../signin/session.ts";
import { checkSignIn } from "../signin/sign-in.ts";
import type { SessionAnswer, SignInAnswer, SignInRequest, TargetGroup } from "./api.ts";
import type { WebApp, WebContext } from "./context.ts";
import { sendError } from "./errors.ts";
import { CODE, objectOf, PASSWORD, USER } from "./schemas.ts";
import type { SignedIn } from "./signed-in.ts";
import { untilStore } from "./until-store.ts";

const SIGN_IN = objectOf({ user: USER, password: PASSWORD, code: CODE });
const SESSIONS = customResource("loginsessions");
/** The watch brings a new object within milliseconds; longer means that the API server or the watch is in trouble. */
const NEWS_TAKES_MS = 5_000;

export function addSessionRoutes(app: WebApp, context: WebContext): void {
  const { deps } = context;

  app.post<{ Body: SignInRequest }>(
    "/api/v1/sign-in",
    { config: { open: true }, schema: { body: SIGN_IN } },
    (request, reply) => signIn(context, request, reply),
  );

  app.post("/api/v1/sign-out", async (request, reply) => {
    const { user, loginSession } = personOf(request);
    // By uid: never a session that was made under the same name since.
    await deps.kube.delete(
      SESSIONS,
      { namespace: deps.namespace, name: loginSession.name },
      { uid: loginSession.uid },
    );
    deps.audit.record({
      event: "sign-out",
      outcome: "info",
      user,
      client: request.ip,
      loginSession: loginSession.name,
    });
    context.cookies.clear(reply);
    return reply.code(204).send();
  });

  app.get("/api/v1/session", (request) => {
    const { user, loginSession } = personOf(request);
    const world = deps.store.world(deps.clock.now());
    const reachable = listReachable(user, world, deps.announcedTargets ?? (() => []));
    return {
      ...answerOf(user, loginSession),
      sshAddress: deps.config().publicAddresses.ssh,
      targets: groupTargets(reachable),
    } satisfies SessionAnswer;
  });
}

/** The person behind a request to a route that is not open. */
export function personOf(request: FastifyRequest): SignedIn {
  if (request.signedIn === null) throw new Error("a route for signed-in people was reached without one");
  return request.signedIn;
}

async function signIn(
  context: WebContext,
  request: FastifyRequest<{ Body: SignInRequest }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { deps } = context;
  const client = request.ip;
  const result = await checkSignIn(context.signIn, { ...request.body, address: client });
  if (!result.allowed) {
    const { reason } = result;
    // A name that nobody has may be a password typed into the wrong field: it stays out of the log.
    const user = deps.store.user(request.body.user)?.name;
    deps.audit.record({
      event: "sign-in",
      outcome: "denied",
      reason,
      client,
      ...(user === undefined ? {} : { user }),
    });
    const tooMany = reason === "busy" || reason === "rate-limited";
    return sendError(reply, tooMany ? "too-many-requests" : "sign-in-failed");
  }
  const session = await startSession(context, result.user, request);
  if (session === undefined) return sendError(reply, "not-ready");
  const user = result.user.name;
  const now = deps.clock.now();
  deps.audit.record({ event: "sign-in", outcome: "allowed", user, client, loginSession: session.name });
  context.cookies.write(reply, { session: session.name, user, startedAt: now, lastSeenAt: now });
  return reply.send(answerOf(user, session));
}

/** Creates the LoginSession and waits until this proxy's own watch shows it. */
async function startSession(
  context: WebContext,
  user: User,
  request: FastifyRequest,
): Promise<LoginSessionView | undefined> {
  const { deps } = context;
  const object = newLoginSession({
    namespace: deps.namespace,
    user,
    sealKey: context.sealKey,
    now: deps.clock.now(),
    ttlSeconds: deps.config().certificates.defaultTtlSeconds,
    address: request.ip,
    userAgent: request.headers["user-agent"] ?? "",
  });
  await deps.kube.create(SESSIONS, object);
  const { name } = object.metadata;
  return untilStore(deps.store, deps.clock, NEWS_TAKES_MS, () => deps.store.loginSession(name));
}

function answerOf(user: string, session: LoginSessionView): SignInAnswer {
  return { user, expirationTime: new Date(session.expirationTime).toISOString() };
}

/** One row for the hosts of a cluster that have the same logins. */
export function groupTargets(reachable: readonly ReachableTarget[]): readonly TargetGroup[] {
  const groups = Map.groupBy(reachable, ({ cluster, logins }) => JSON.stringify([cluster, logins]));
  return [...groups.values()].flatMap((targets) => {
    const [first] = targets;
    if (first === undefined) return [];
    return [{ cluster: first.cluster, hosts: targets.map(({ host }) => host), logins: first.logins }];
  });
}
