/**
 * Signs certificates for people: the only signer of them. Which keys it signs with
 * and how they are reloaded: ca-keys.ts. Whether and for what: packages/access.
 */
import { decide, EXTENSION_OF_PERMISSION, principalsFor, SESSION_EXTENSION } from "@teleport-access/access";
import type { AccessRefusal, AnnouncedTarget, CertificateContent, World } from "@teleport-access/access";
import { IssueError, issueCertificate, MIN_RSA_BITS } from "@teleport-access/sshcert";
import type { Certificate, SshPublicKey } from "@teleport-access/sshcert";
import type { CaKeys } from "./ca-keys.ts";

/** A request for a certificate. */
export interface CertificateRequest {
  readonly user: string;
  readonly publicKey: SshPublicKey;
  /** The name of the LoginSession that the certificate comes from. */
  readonly loginSession: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A certificate, or the reason why there is none. */
export type CertificateAnswer =
  | { readonly issued: true; readonly certificate: Certificate }
  | { readonly issued: false; readonly reason: AccessRefusal };

/** The organisation's user CA. */
export interface UserCa {
  /** Active key first; two while it rotates. */
  publicKeys(): readonly SshPublicKey[];
  issue(request: CertificateRequest): CertificateAnswer;
}

/** What the CA is made of. */
export interface UserCaOptions {
  keys(): CaKeys;
  world(now: number): World;
  /** What the agents of a cluster announce now: globs of grants become these hosts. */
  announcedTargets(cluster: string): readonly AnnouncedTarget[];
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** How far `validAfter` lies in the past: servers' clocks are rarely further behind. */
const BACKDATED_SECONDS = 60;

/** Makes the CA. Throws only when the key itself fails. */
export function createUserCa(options: UserCaOptions): UserCa {
  return {
    publicKeys: () => options.keys().publicKeys,
    issue: (request) => issue(request, options),
  };
}

function issue(request: CertificateRequest, options: UserCaOptions): CertificateAnswer {
  const { user, loginSession, now } = request;
  const world = options.world(now);
  const decision = decide({ kind: "issue", user, loginSession }, world);
  if (!decision.allowed) return { issued: false, reason: decision.reason };
  const content = principalsFor({
    grants: decision.grants,
    clusters: world.clusters().filter((cluster) => cluster.authorities.length > 0),
    announcedTargets: (cluster) => options.announcedTargets(cluster),
    now,
  });
  // There are grants, but none of what they name exists: an empty list would mean everybody.
  if (content.principals.length === 0) return { issued: false, reason: "target-not-granted" };
  const end = Math.min(
    now + options.defaultTtlSeconds * 1000,
    now + options.maxTtlSeconds * 1000,
    now + (content.maxTtlSeconds ?? Infinity) * 1000,
    content.notAfter ?? Infinity,
    world.loginSession(loginSession)?.expirationTime ?? 0,
  );
  return sign(request, content, end, options.keys());
}

function sign(
  { user, publicKey, loginSession, now }: CertificateRequest,
  content: CertificateContent,
  end: number,
  keys: CaKeys,
): CertificateAnswer {
  const permitted = content.permissions.flatMap((permission) => EXTENSION_OF_PERMISSION[permission] ?? []);
  try {
    const certificate = issueCertificate(keys.active, {
      type: "user",
      publicKey,
      // Keys that people have had for years; the audit line says which (warningsAbout).
      minRsaBits: MIN_RSA_BITS,
      keyId: user,
      principals: content.principals,
      validAfter: new Date(now - BACKDATED_SECONDS * 1000),
      validBefore: new Date(end),
      extensions: {
        ...Object.fromEntries(permitted.map((extension) => [extension, ""])),
        [SESSION_EXTENSION]: loginSession,
      },
    });
    return { issued: true, certificate };
  } catch (error) {
    if (error instanceof IssueError && error.reason === "weak-key") {
      return { issued: false, reason: "key-not-acceptable" };
    }
    throw error;
  }
}
