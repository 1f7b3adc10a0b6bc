/**
 * A person's key-helper tokens: one a machine. The text of a token is shown once,
 * in the answer that makes it; what is stored is its hash.
 */
import { createHash, randomBytes } from "node:crypto";
import { API_VERSION } from "@teleport-access/crd";
import type { KeyHelperToken } from "@teleport-access/crd";
import type { User } from "@teleport-access/access";
import { customResource } from "@teleport-access/kube";
import { randomName } from "../signin/session.ts";
import type { NewTokenAnswer, NewTokenRequest, TokenAnswer, TokenListAnswer } from "./api.ts";
import type { WebApp, WebContext } from "./context.ts";
import { sendError } from "./errors.ts";
import { personOf } from "./routes-session.ts";
import { objectOf } from "./schemas.ts";
import { untilStore } from "./until-store.ts";

const TOKENS = customResource("keyhelpertokens");
const NAME = /^kht-[a-z2-7]{10}$/;

const DEFAULT_DAYS = 90;
/** A machine that is forgotten for a year should stop by itself. */
const MAX_DAYS = 366;
/** More machines than one person has; bounds what one account can write. */
const MAX_TOKENS = 20;
const DAY_MS = 86_400_000;
const NEWS_TAKES_MS = 5_000;

const NEW_TOKEN = objectOf(
  {},
  {
    description: { type: "string", maxLength: 128, pattern: "^[^\\u0000-\\u001f\\u007f]*$" },
    days: { type: "integer", minimum: 1, maximum: MAX_DAYS },
  },
);

export function addTokenRoutes(app: WebApp, context: WebContext): void {
  const { deps } = context;
  const { store, clock, kube, namespace } = deps;

  app.get("/api/v1/key-helper-tokens", async (request) => {
    const tokens = await tokensOf(context, personOf(request).user);
    return { tokens: tokens.map(answerOf) } satisfies TokenListAnswer;
  });

  app.post<{ Body: NewTokenRequest }>(
    "/api/v1/key-helper-tokens",
    { schema: { body: NEW_TOKEN } },
    async (request, reply) => {
      const user = store.user(personOf(request).user);
      if (user === undefined) return sendError(reply, "not-signed-in");
      if (store.keyHelperTokensOf(user.name).length >= MAX_TOKENS) return sendError(reply, "too-many-tokens");
      const token = `tah_${randomBytes(32).toString("base64url")}`;
      const object = newToken(namespace, user, token, {
        description: request.body.description ?? "",
        expires: clock.now() + (request.body.days ?? DEFAULT_DAYS) * DAY_MS,
      });
      await kube.create(TOKENS, object);
      await untilStore(store, clock, NEWS_TAKES_MS, () => store.keyHelperToken(object.spec.tokenHash));
      const command = commandOf(deps.config().publicAddresses.web, user.name, token);
      const { expirationTime } = object.spec;
      return { name: object.metadata.name, token, expirationTime, command } satisfies NewTokenAnswer;
    },
  );

  app.delete<{ Params: { name: string } }>("/api/v1/key-helper-tokens/:name", async (request, reply) => {
    const { name } = request.params;
    const token = NAME.test(name) ? await kube.get(TOKENS, { namespace, name }) : undefined;
    // Somebody else's token is answered like none.
    if (token?.spec.userRef.name !== personOf(request).user) return sendError(reply, "not-found");
    const { uid } = token.metadata;
    await kube.delete(TOKENS, { namespace, name }, uid === undefined ? {} : { uid });
    return reply.code(204).send();
  });
}

/** `sha256:<hex>`, as KeyHelperToken objects carry it. */
export function tokenHash(token: string): string {
  return `sha256:${createHash("sha256").update(token).digest("hex")}`;
}

async function tokensOf(context: WebContext, user: string): Promise<readonly KeyHelperToken[]> {
  const { kube, namespace } = context.deps;
  const { items } = await kube.list(TOKENS, { namespace, fieldSelector: `spec.userRef.name=${user}` });
  return items
    .filter((token) => token.spec.userRef.name === user)
    .toSorted((a, b) =>
      (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? ""),
    );
}

function newToken(
  namespace: string,
  user: User,
  token: string,
  facts: { readonly description: string; readonly expires: number },
): KeyHelperToken {
  return {
    apiVersion: API_VERSION,
    kind: "KeyHelperToken",
    metadata: {
      name: randomName("kht-", 10),
      namespace,
      ownerReferences: [{ apiVersion: API_VERSION, kind: "ProxyUser", name: user.name, uid: user.uid }],
    },
    spec: {
      userRef: { name: user.name },
      tokenHash: tokenHash(token),
      expirationTime: new Date(Math.floor(facts.expires / 1000) * 1000).toISOString().replace(".000Z", "Z"),
      ...(facts.description === "" ? {} : { description: facts.description }),
    },
  };
}

function answerOf(token: KeyHelperToken): TokenAnswer {
  const { spec, status } = token;
  return {
    name: token.metadata.name,
    description: spec.description ?? "",
    expirationTime: spec.expirationTime,
    bound: status?.boundKeyFingerprint !== undefined,
    ...(status?.lastSeenTime === undefined ? {} : { lastSeenTime: status.lastSeenTime }),
  };
}

/**
 * The command to paste. Nothing in it is a person's text: the address is the
 * proxy's own, user names are object names, a token is base64url; so nothing in
 * it needs quoting in any shell.
 */
function commandOf(webAddress: string, user: string, token: string): string {
  return [
    "teleport-key-helper",
    `--server=${new URL(webAddress).origin}`,
    `--auth=${user}`,
    `--token=${token}`,
    '--key-path="$HOME/.ssh/id_ed25519.pub"',
    '--cert-path="$HOME/.ssh/id_ed25519-cert.pub"',
  ].join(" ");
}
