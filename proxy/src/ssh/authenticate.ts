/**
 * Who is this person? Only a certificate of the user CA says it; the SSH user name does not
 * count. Every refusal is audited with its own reason, and looks the same from outside.
 */
import { decide, loginSessionOf, textForPeople } from "@teleport-access/access";
import type { AccessRefusal, AuthenticateRequest, Grant } from "@teleport-access/access";
import type { Certificate } from "@teleport-access/sshcert";
import type { AuthRequest, AuthVerdict } from "@teleport-access/ssh";
import type { AuditEvent } from "@teleport-access/wire";
import type { Clock } from "@teleport-access/daemon";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import type { SessionRegistry } from "../sessions/registry.ts";
import { certificateFields } from "../tunnel/authenticate.ts";

/** A person, proven. */
export interface UserIdentity {
  readonly user: string;
  readonly certificate: Certificate;
  readonly source: string;
  /** What was asked, for the registry to ask again. */
  readonly request: AuthenticateRequest;
  readonly grants: readonly Grant[];
}

/** Why a connection to the SSH port is refused. */
export type UserAuthRefusal =
  AccessRefusal | "plain-key" | "unsupported-key" | "method-not-offered" | "too-many-connections";

/** What the check reads. */
export interface UserAuthDeps {
  readonly store: AccessStore;
  readonly sessions: Pick<SessionRegistry, "count">;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly maxSessionsPerUser: number;
}

type Answer =
  | { readonly allowed: true; readonly identity: UserIdentity }
  | { readonly allowed: false; readonly reason: UserAuthRefusal };

/** Answers one authentication request of the SSH port. */
export function authenticateUser(request: AuthRequest, deps: UserAuthDeps): AuthVerdict<UserIdentity> {
  // "none" is how a client asks for the list of methods; there is nothing to refuse yet.
  if (request.method === "none") return { accept: false };
  const answer = answerRequest(request, deps);
  if (!answer.allowed) {
    deps.audit.record({ ...lineOf(request), outcome: "denied", reason: answer.reason });
    return { accept: false };
  }
  if (request.proven) deps.audit.record({ ...lineOf(request), outcome: "allowed" });
  return { accept: true, identity: answer.identity };
}

function answerRequest({ method, key, remoteAddress }: AuthRequest, deps: UserAuthDeps): Answer {
  if (method !== "publickey") return { allowed: false, reason: "method-not-offered" };
  if (key?.kind === "plain") return { allowed: false, reason: "plain-key" };
  if (key?.kind !== "certificate") return { allowed: false, reason: "unsupported-key" };
  const { certificate } = key;
  const request: AuthenticateRequest = {
    kind: "authenticate",
    identity: { by: "certificate", certificate },
    source: remoteAddress,
  };
  const decision = decide(request, deps.store.world(deps.clock.now()));
  if (!decision.allowed) return decision;
  const user = certificate.keyId;
  if (deps.sessions.count(user, "connection") >= deps.maxSessionsPerUser) {
    return { allowed: false, reason: "too-many-connections" };
  }
  return {
    allowed: true,
    identity: { user, certificate, source: remoteAddress, request, grants: decision.grants },
  };
}

function lineOf(request: AuthRequest): Pick<AuditEvent, "event" | "client"> & Partial<AuditEvent> {
  const base = { event: "ssh.auth", client: request.remoteAddress } as const;
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
  };
}

/** The disconnect message for a person whose access ended. */
export function farewell(reason: AccessRefusal): string {
  return textForPeople(reason).replace(/^access denied/, "access ended");
}
