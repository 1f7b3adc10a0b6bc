/**
 * May this person do this? The only place that answers, at certificate issue, at SSH
 * authentication, at every channel, at every re-evaluation. Order: certificate, user, sign-in,
 * cluster, grants; each refusal has its own reason. Nothing a certificate says widens
 * what the grants say: it is identity only.
 */
import type { Certificate } from "@teleport-access/sshcert";
import {
  expiryOf,
  EXTENSION_OF_PERMISSION,
  loginSessionOf,
  refuseCertificate,
  refuseKnownCertificate,
} from "./certificate-facts.ts";
import type { Grant, Permission } from "./grant.ts";
import { matchGrants, staleAllowanceEnd } from "./grant-matching.ts";
import type { TargetAddress } from "./grant-matching.ts";
import { coverJump } from "./jump-rule.ts";
import type { AccessRefusal, Decision } from "./refusal.ts";
import type { ClusterTrust, World } from "./world.ts";

/** Who asks: somebody with a certificate, or somebody with a browser session. */
export type Identity =
  | { readonly by: "certificate"; readonly certificate: Certificate }
  | { readonly by: "session"; readonly user: string; readonly loginSession: string };

/** What every request of a connected person carries. */
interface Asker {
  readonly identity: Identity;
  /** The client's address, as the socket says it. */
  readonly source: string;
  /** A TOTP code was given for this session (grants with `secondFactor: PerSession`). */
  readonly secondFactor?: boolean;
  /**
   * True when something that is open already is judged again: its certificate was verified when it was
   * opened, and a stale access list alone does not end it under DenyNew.
   */
  readonly live?: boolean;
}

/** A person shows who they are; any grant in force lets them in. */
export interface AuthenticateRequest extends Asker {
  readonly kind: "authenticate";
}

/** A person wants bytes carried to a target's sshd; the login is not visible. */
export interface JumpRequest extends Asker {
  readonly kind: "jump";
  readonly identity: { readonly by: "certificate"; readonly certificate: Certificate };
  readonly cluster: string;
  readonly host: string;
  readonly port: number;
}

/** A person wants the proxy to do something at a target as a login. */
export interface ForwardRequest extends Asker {
  readonly kind: "forward";
  readonly cluster: string;
  readonly host: string;
  readonly port: number;
  readonly login: string;
  /** What is to be done; absent where it is only about being logged in there, which any permission allows. */
  readonly permission?: Permission;
  /** A second one that the same act needs: `rsync --server` is a command and moves files. */
  readonly alsoPermission?: Permission;
  /** A terminal is asked for. */
  readonly terminal?: boolean;
}

/** A certificate is to be made for a person who signed in. */
export interface IssueRequest {
  readonly kind: "issue";
  readonly user: string;
  readonly loginSession: string;
}

/** Everything that can be asked. */
export type AccessRequest = AuthenticateRequest | JumpRequest | ForwardRequest | IssueRequest;

/** The grants that allow it (never an empty list), or the reason why not. */
export type AccessDecision = Decision<{ readonly grants: readonly Grant[] }>;

/** Answers `request` in `world`. */
export function decide(request: AccessRequest, world: World): AccessDecision {
  const refused = refuseIdentity(request, world);
  if (refused !== undefined) return { allowed: false, reason: refused };
  switch (request.kind) {
    case "issue":
      return matchGrants(request.user, { secondFactor: "not-asked", live: false }, world);
    case "authenticate":
      return matchGrants(userOf(request.identity), wantedBy(request), world);
    case "jump":
      return decideJump(request, world);
    case "forward":
      return decideForward(request, world);
  }
}

/** Whose certificate or session it is. */
export function userOf(identity: Identity): string {
  return identity.by === "certificate" ? identity.certificate.keyId : identity.user;
}

/**
 * The next moment at which time alone can change the answer for this person, in milliseconds: a
 * certificate, sign-in or grant ends, or a grant begins. Infinity when nothing is dated.
 */
export function nextTurn(identity: Identity, world: World): number {
  const user = userOf(identity);
  const session = world.loginSession(sessionOf(identity) ?? "");
  const moments = world
    .grantsOf(user)
    .flatMap((grant) => [grant.startTime, grant.expirationTime, staleAllowanceEnd(grant, world.freshness)]);
  if (identity.by === "certificate") moments.push(expiryOf(identity.certificate));
  moments.push(session?.expirationTime);
  return moments.reduce<number>(
    (soonest, moment) => (moment !== undefined && moment > world.now ? Math.min(soonest, moment) : soonest),
    Infinity,
  );
}

function decideJump(request: JumpRequest, world: World): AccessDecision {
  const target = findTarget(request, world);
  if (!target.allowed) return target;
  const covering = matchGrants(
    userOf(request.identity),
    { ...wantedBy(request), target: target.target },
    world,
  );
  if (!covering.allowed) return covering;
  return coverJump(request.identity.certificate, target.target, covering.grants);
}

function decideForward(request: ForwardRequest, world: World): AccessDecision {
  const target = findTarget(request, world);
  if (!target.allowed) return target;
  const { login, alsoPermission } = request;
  const permission: Permission | "any" = request.permission ?? "any";
  const wanted = { ...wantedBy(request), target: target.target, login };
  const user = userOf(request.identity);
  const grants: Grant[] = [];
  for (const one of alsoPermission === undefined ? [permission] : [permission, alsoPermission]) {
    const matching = matchGrants(user, { ...wanted, permission: one }, world);
    if (!matching.allowed) return matching;
    grants.push(...matching.grants);
  }
  const refused = refuseExtensions(request);
  return refused === undefined
    ? { allowed: true, grants: [...new Set(grants)] }
    : { allowed: false, reason: refused };
}

/** The certificate's own limits, as the target's sshd would keep them. What is open already was held to them. */
function refuseExtensions({
  identity,
  permission,
  terminal,
  live,
}: ForwardRequest): AccessRefusal | undefined {
  if (identity.by === "session" || live === true) return undefined;
  // A shell without a terminal needs no permit-pty.
  const needed = [
    ...(permission === undefined || permission === "Shell" ? [] : [EXTENSION_OF_PERMISSION[permission]]),
    ...(terminal === true ? [EXTENSION_OF_PERMISSION.Shell] : []),
  ];
  const missing = needed.some((name) => name !== undefined && !identity.certificate.extensions.has(name));
  return missing ? "certificate-without-extension" : undefined;
}

function wantedBy(asker: Asker): { source: string; secondFactor: boolean; live: boolean } {
  return { source: asker.source, secondFactor: asker.secondFactor ?? false, live: asker.live ?? false };
}

function findTarget(
  { cluster, host, port }: { readonly cluster: string; readonly host: string; readonly port: number },
  world: World,
): Decision<{ readonly target: TargetAddress }> {
  const trust = world.cluster(cluster);
  const reason = refuseCluster(trust);
  if (reason !== undefined || trust === undefined) {
    return { allowed: false, reason: reason ?? "cluster-not-trusted" };
  }
  return { allowed: true, target: { cluster: trust, host, port } };
}

/** A TrustedHostCA without a key yet trusts nobody. */
function refuseCluster(trust: ClusterTrust | undefined): AccessRefusal | undefined {
  if (trust === undefined) return "cluster-not-trusted";
  if (trust.suspend) return "cluster-suspended";
  return trust.authorities.length === 0 ? "cluster-not-trusted" : undefined;
}

/** Certificate, user, sign-in: who it is, before what they may do. */
function refuseIdentity(request: AccessRequest, world: World): AccessRefusal | undefined {
  const identity: Identity =
    request.kind === "issue"
      ? { by: "session", user: request.user, loginSession: request.loginSession }
      : request.identity;
  return (
    refuseCertificateOf(request, world) ??
    refuseUser(userOf(identity), world) ??
    refuseSession(identity, world)
  );
}

function refuseCertificateOf(request: AccessRequest, world: World): AccessRefusal | undefined {
  if (request.kind === "issue" || request.identity.by === "session") return undefined;
  const { certificate } = request.identity;
  return request.live === true
    ? refuseKnownCertificate(certificate, world)
    : refuseCertificate(certificate, request.source, world);
}

function refuseUser(name: string, world: World): AccessRefusal | undefined {
  const user = world.user(name);
  if (user === undefined) return "user-unknown";
  return user.suspend ? "user-suspended" : undefined;
}

function sessionOf(identity: Identity): string | undefined {
  return identity.by === "certificate" ? loginSessionOf(identity.certificate) : identity.loginSession;
}

/** A session of somebody else is as good as none. */
function refuseSession(identity: Identity, world: World): AccessRefusal | undefined {
  const name = sessionOf(identity);
  if (name === undefined) return "certificate-without-session";
  const session = world.loginSession(name);
  if (session?.user !== userOf(identity)) return "session-gone";
  // Deleted and made again under the same name is somebody else, whom this sign-in does not know.
  if (session.userUid !== undefined && session.userUid !== world.user(session.user)?.uid)
    return "session-gone";
  return world.now < session.expirationTime ? undefined : "session-expired";
}
