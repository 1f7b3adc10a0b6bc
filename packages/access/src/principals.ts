/**
 * What a person's certificate is made to say: which principals, which permissions, until
 * when. Follows from the grants in force; the jump rule (jump-rule.ts) later holds it against them again.
 */
import { MAX_PRINCIPALS } from "@teleport-access/sshcert";
import { globMatches, isLiteralHost, lowerAscii } from "./globs.ts";
import { grantStanding, PERMISSIONS } from "./grant.ts";
import type { Grant, Permission } from "./grant.ts";
import { grantNamesCluster } from "./grant-matching.ts";
import type { ClusterTrust } from "./world.ts";

/** A target as an agent announces it; its host may itself be a glob. */
export interface AnnouncedTarget {
  readonly host: string;
}

/** What principals are worked out from. */
export interface PrincipalFacts {
  /** All grants of the person; those not in force are left out here. */
  readonly grants: readonly Grant[];
  readonly clusters: readonly ClusterTrust[];
  /** What the agents of a cluster say they can dial. */
  announcedTargets(cluster: string): readonly AnnouncedTarget[];
  readonly now: number;
}

/** A principal that a grant asks for, but the certificate cannot carry. */
export interface OmittedPrincipal {
  readonly principal: string;
  /** `too-many`: OpenSSH reads 256 at most. `glob`: no announced host matches, or the agent announces a glob itself. */
  readonly why: "too-many" | "glob";
}

/** The content of a certificate. */
export interface CertificateContent {
  readonly principals: readonly string[];
  /** What every grant behind the principals permits: a wider grant elsewhere must not get a jump refused here. */
  readonly permissions: readonly Permission[];
  /** When the last of the grants ends; absent when one of them has no end. */
  readonly notAfter?: number;
  /** The lowest of the grants' own bounds. */
  readonly maxTtlSeconds?: number;
  /** What is reachable in the forward form only. */
  readonly omitted: readonly OmittedPrincipal[];
}

/** The content of a certificate made now; no principals when nothing is granted. */
export function principalsFor(facts: PrincipalFacts): CertificateContent {
  const inForce = facts.grants.filter((grant) => grantStanding(grant, facts.now) === "in-force");
  const found = inForce.flatMap((grant) => scopesOf(grant, facts).map((scope) => ({ grant, ...scope })));
  const useful = withoutRedundant(found.filter((entry) => entry.kind !== "glob"));
  // Cluster-wide first: one of them opens more than any host's, so they are the last to be left out.
  const wanted = [...new Set(useful.toSorted(byReach).map((entry) => entry.principal))];
  const principals = wanted.slice(0, MAX_PRINCIPALS);
  const kept = new Set(principals);
  const behind = inForce.filter((grant) =>
    found.some((entry) => entry.grant === grant && kept.has(entry.principal)),
  );
  const globs = found.filter((entry) => entry.kind === "glob").map((entry) => entry.principal);
  return {
    principals,
    permissions: PERMISSIONS.filter((p) => behind.every((grant) => grant.permissions.includes(p))),
    ...limitsOf(behind),
    omitted: [
      ...wanted.slice(MAX_PRINCIPALS).map((principal) => ({ principal, why: "too-many" as const })),
      ...[...new Set(globs)].map((principal) => ({ principal, why: "glob" as const })),
    ],
  };
}

interface Scope {
  readonly principal: string;
  readonly kind: "cluster" | "host" | "glob";
  readonly login: string;
  readonly cluster: string;
}

function scopesOf(grant: Grant, facts: PrincipalFacts): readonly Scope[] {
  const clusters = facts.clusters.filter((c) => !c.suspend && grantNamesCluster(grant, c));
  return clusters.flatMap((cluster) =>
    grant.logins.flatMap((login) =>
      // A grant whose targets are empty reaches nothing, in a Plain cluster too.
      cluster.principals === "Plain" && grant.targets.length > 0
        ? [{ principal: login, kind: "cluster" as const, login, cluster: cluster.name }]
        : grant.targets.flatMap((t) => scopesOfHost(t.host, login, cluster.name, facts)),
    ),
  );
}

function scopesOfHost(host: string, login: string, cluster: string, facts: PrincipalFacts): readonly Scope[] {
  if (/^\*+$/.test(host)) {
    return [{ principal: `${login}@${cluster}`, kind: "cluster", login, cluster }];
  }
  if (isLiteralHost(host)) return [hostScope(host, login, cluster)];
  const announced = facts
    .announcedTargets(cluster)
    .filter((target) => isLiteralHost(target.host) && globMatches(host, target.host));
  return announced.length > 0
    ? announced.map((target) => hostScope(target.host, login, cluster))
    : [{ principal: `${login}@${host}.${cluster}`, kind: "glob", login, cluster }];
}

function hostScope(host: string, login: string, cluster: string): Scope {
  return { principal: `${login}@${lowerAscii(host)}.${cluster}`, kind: "host", login, cluster };
}

/** `deploy@prod` already opens every host that `deploy@web-1.prod` does. */
function withoutRedundant<T extends Scope>(entries: readonly T[]): readonly T[] {
  const wide = new Set(entries.filter((e) => e.kind === "cluster").map((e) => `${e.login}@${e.cluster}`));
  return entries.filter((e) => e.kind === "cluster" || !wide.has(`${e.login}@${e.cluster}`));
}

function byReach(a: Scope, b: Scope): number {
  if (a.kind !== b.kind) return a.kind === "cluster" ? -1 : 1;
  return a.principal < b.principal ? -1 : Number(a.principal > b.principal);
}

function limitsOf(grants: readonly Grant[]): { notAfter?: number; maxTtlSeconds?: number } {
  const ends = grants.flatMap((grant) => grant.expirationTime ?? []);
  const bounds = grants.flatMap((grant) => grant.maxCertificateTtlSeconds ?? []);
  return {
    ...(ends.length > 0 && ends.length === grants.length ? { notAfter: Math.max(...ends) } : {}),
    ...(bounds.length > 0 ? { maxTtlSeconds: Math.min(...bounds) } : {}),
  };
}
