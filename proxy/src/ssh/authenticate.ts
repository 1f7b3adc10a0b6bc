/**
 * Who is this person? Only a certificate of the user CA says it; the SSH user name does not
 * count. Every refusal is audited with its own reason, and looks the same from outside.
 */
import { decide, judgeEntry, loginSessionOf, textForPeople } from "@teleport-access/access";
import type { AccessRefusal, AuthenticateRequest, EntryWish, Grant } from "@teleport-access/access";
import type { Certificate } from "@teleport-access/sshcert";
import type { AuthChallenge, AuthRequest, AuthVerdict } from "@teleport-access/ssh";
import type { AuditEvent } from "@teleport-access/wire";
import type { Clock } from "@teleport-access/daemon";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import type { SessionRegistry } from "../sessions/registry.ts";
import { checkSecondFactor } from "../signin/second-factor.ts";
import type { SecondFactorDeps, SecondFactorRefusal } from "../signin/second-factor.ts";
import { certificateFields, warningsAbout } from "../certificate-fields.ts";
import { asksForCode, readTargetWish } from "./forward/target-name.ts";

/** A person, proven. */
export interface UserIdentity {
  readonly user: string;
  readonly certificate: Certificate;
  readonly source: string;
  /** What was asked, for the registry to ask again; its `secondFactor` says whether a code was proven. */
  readonly request: AuthenticateRequest;
  readonly grants: readonly Grant[];
}

/** Why a connection to the SSH port is refused. */
export type UserAuthRefusal =
  AccessRefusal | "plain-key" | "unsupported-key" | "method-not-offered" | "too-many-connections";

/** What is said when the key is good and a code is asked. */
export type CodeAsked = "code-asked";
const CODE_ASKED: CodeAsked = "code-asked";

/** Why a person who was asked for a code is refused. */
export type CodeRefusal = SecondFactorRefusal | AccessRefusal;

/** What the check reads. */
export interface UserAuthDeps {
  readonly store: AccessStore;
  readonly sessions: Pick<SessionRegistry, "count">;
  readonly codes: SecondFactorDeps;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly maxSessionsPerUser: number;
}

type Answer =
  | { readonly kind: "refused"; readonly reason: UserAuthRefusal }
  | { readonly kind: "open" | "code"; readonly identity: UserIdentity };

/** Answers one authentication request of the SSH port. */
export function authenticateUser(request: AuthRequest, deps: UserAuthDeps): AuthVerdict<UserIdentity> {
  // "none" is how a client asks for the list of methods; there is nothing to refuse yet.
  if (request.method === "none") return { accept: false };
  const answer = answerRequest(request, deps);
  if (answer.kind === "refused") {
    deps.audit.record({ ...lineOf(request), outcome: "denied", reason: answer.reason });
    return { accept: false };
  }
  const { identity } = answer;
  if (answer.kind === "code") {
    if (request.proven) deps.audit.record({ ...lineOf(request), outcome: "info", reason: CODE_ASKED });
    return { accept: "challenge", identity, challenge: codeChallenge(request, identity, deps) };
  }
  if (request.proven) deps.audit.record({ ...lineOf(request), outcome: "allowed" });
  return { accept: true, identity };
}

function answerRequest(
  { user: userName, method, key, remoteAddress }: AuthRequest,
  deps: UserAuthDeps,
): Answer {
  if (method !== "publickey") return { kind: "refused", reason: "method-not-offered" };
  if (key?.kind === "plain") return { kind: "refused", reason: "plain-key" };
  if (key?.kind !== "certificate") return { kind: "refused", reason: "unsupported-key" };
  const { certificate } = key;
  const entry = judgeEntry(
    { kind: "authenticate", identity: { by: "certificate", certificate }, source: remoteAddress },
    entryWishOf(userName),
    deps.store.world(deps.clock.now()),
  );
  if (entry.kind === "refused") return entry;
  const user = certificate.keyId;
  if (deps.sessions.count(user, "connection") >= deps.maxSessionsPerUser) {
    return { kind: "refused", reason: "too-many-connections" };
  }
  const { request, grants } = entry;
  return { kind: entry.kind, identity: { user, certificate, source: remoteAddress, request, grants } };
}

/** What is read from the SSH user name: `alice+code` asks to be asked, `deploy@web-1.prod` names a target. */
function entryWishOf(userName: string): EntryWish {
  const wish = readTargetWish(userName);
  return { code: asksForCode(userName), ...(wish.kind === "target" ? { target: wish.target } : {}) };
}

/** The question after the key, once for all that the connection will carry. */
function codeChallenge(request: AuthRequest, identity: UserIdentity, deps: UserAuthDeps): AuthChallenge {
  return {
    instruction:
      "A code of your authenticator app is needed. Each code works once: if you have just used one, wait for the next.",
    prompts: [{ text: "Code: ", echo: false }],
    answer: async ([code = ""]) => {
      const reason = await refuseCode(code, identity, deps);
      deps.audit.record({
        ...lineOf(request),
        ...(reason === undefined
          ? { outcome: "allowed", secondFactor: true }
          : { outcome: "denied", reason }),
      });
      return reason === undefined;
    },
  };
}

async function refuseCode(
  code: string,
  { user, source, request }: UserIdentity,
  deps: UserAuthDeps,
): Promise<CodeRefusal | undefined> {
  const refused = await checkSecondFactor(deps.codes, { user, code, address: source });
  if (refused !== undefined) return refused;
  // Typing takes time, in which access may have ended.
  const decision = decide(request, deps.store.world(deps.clock.now()));
  return decision.allowed ? undefined : decision.reason;
}

function lineOf(request: AuthRequest): Pick<AuditEvent, "event" | "client"> & Partial<AuditEvent> {
  const base = { event: "ssh.auth", client: request.remoteAddress, connection: request.connection } as const;
  if (request.key?.kind !== "certificate") return base;
  const { certificate } = request.key;
  const loginSession = loginSessionOf(certificate);
  const { securityKey } = request;
  return {
    ...base,
    // A counter that goes back tells of a copied key; proxies keep none, the log does.
    ...(securityKey === undefined
      ? {}
      : { detail: { keyVerifiedUser: securityKey.userVerified, keyCounter: securityKey.counter } }),
    // Until the certificate is found good this is a claim; the certificate field says whose.
    user: certificate.keyId,
    certificate: certificateFields(certificate),
    ...(loginSession === undefined ? {} : { loginSession }),
    ...warningsAbout(certificate.publicKey),
  };
}

/** The disconnect message for a person whose access ended. */
export function farewell(reason: AccessRefusal): string {
  return textForPeople(reason).replace(/^access denied/, "access ended");
}
