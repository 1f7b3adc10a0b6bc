/**
 * Does this certificate count, here and now, for this purpose?
 *
 * The only place that answers. It owns no trust: authorities, time and purpose
 * are the caller's. It does not answer whether the holder has the private key
 * (signature.ts) nor what the person may do (packages/access).
 */
import { createHash, timingSafeEqual } from "node:crypto";

import type { Certificate, CertificateType } from "./certificate.ts";
import type { SshPublicKey } from "./key.ts";
import { verifySignature } from "./signature.ts";
import { FOREVER, validityAt } from "./validity.ts";

/** Why a certificate does not count; each is an audit reason, never shown to strangers. */
export type CertificateRefusal =
  | "wrong-type"
  | "unknown-authority"
  | "not-yet-valid"
  | "expired"
  | "empty-validity"
  | "lifetime-too-long"
  | "no-principals"
  | "principal-not-listed"
  | "unknown-critical-option"
  | "bad-signature";

export type CertificateVerdict =
  | { readonly valid: true; readonly authority: SshPublicKey }
  | { readonly valid: false; readonly reason: CertificateRefusal };

/** What the certificate is wanted for. Nothing has a permissive default. */
export interface CertificatePurpose {
  readonly type: CertificateType;
  /** The keys that may have signed: one set per purpose, one list per cluster. */
  readonly authorities: readonly SshPublicKey[];
  /** The name that must be listed, compared exactly. Without it, any listed name will do, but there must be one. */
  readonly principal?: string;
  readonly now: Date;
  /** The critical options that the caller enforces itself. Any other one refuses. */
  readonly criticalOptions?: readonly string[];
  /** Refuses certificates that were made for longer than this, "forever" among them. */
  readonly maxLifetimeSeconds?: number;
}

/** Cheap checks first, one signature verification last. */
export function verifyCertificate(certificate: Certificate, purpose: CertificatePurpose): CertificateVerdict {
  if (certificate.type !== purpose.type) return refuse("wrong-type");
  const authority = purpose.authorities.find((key) => sameBytes(key.blob, certificate.caKeyBlob));
  if (authority === undefined) return refuse("unknown-authority");
  const reason =
    refuseWindow(certificate, purpose) ??
    refusePrincipals(certificate, purpose.principal) ??
    refuseOptions(certificate, purpose.criticalOptions ?? []);
  if (reason !== undefined) return refuse(reason);
  if (!signedBy(authority, certificate)) return refuse("bad-signature");
  return { valid: true, authority };
}

function refuse(reason: CertificateRefusal): CertificateVerdict {
  return { valid: false, reason };
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function refuseWindow(certificate: Certificate, purpose: CertificatePurpose): CertificateRefusal | undefined {
  const state = validityAt(certificate, purpose.now);
  if (state !== "valid") return state === "empty" ? "empty-validity" : state;
  if (purpose.maxLifetimeSeconds === undefined) return undefined;
  const lifetime = certificate.validBefore - certificate.validAfter;
  const tooLong =
    certificate.validBefore === FOREVER || lifetime > BigInt(Math.floor(purpose.maxLifetimeSeconds));
  return tooLong ? "lifetime-too-long" : undefined;
}

/**
 * An empty list names nobody. OpenSSH read it as "everybody" until 10.3 (for host
 * certificates) and Go's x/crypto/ssh still does; CVE-2024-7594 came of it.
 */
function refusePrincipals(
  certificate: Certificate,
  principal: string | undefined,
): CertificateRefusal | undefined {
  if (certificate.principals.length === 0) return "no-principals";
  if (principal === undefined || certificate.principals.includes(principal)) return undefined;
  return "principal-not-listed";
}

/** "Critical" means: who does not know it must refuse (PROTOCOL.certkeys). */
function refuseOptions(certificate: Certificate, known: readonly string[]): CertificateRefusal | undefined {
  const unknown = [...certificate.criticalOptions.keys()].some((name) => !known.includes(name));
  return unknown ? "unknown-critical-option" : undefined;
}

/**
 * A client shows its certificate twice, as a probe and with its signature. The
 * memo holds only the timeless fact "this key signed these bytes": nothing about
 * purpose, time or person is remembered.
 */
const signed = new Set<string>();
/**
 * At most 2 MiB. Whenever access changes, every live tunnel and session is judged anew: were the memo
 * smaller than their number, each round would verify all of them again, a second for 10,000 tunnels.
 */
const MAX_REMEMBERED = 16_384;

function signedBy(authority: SshPublicKey, certificate: Certificate): boolean {
  // Every part carries its own length, so no two triples hash the same bytes.
  const id = createHash("sha256")
    .update(`${authority.blob.length}/${certificate.signature.length}/`)
    .update(authority.blob)
    .update(certificate.signature)
    .update(certificate.signedData)
    .digest("base64");
  if (signed.has(id)) return true;
  if (!verifySignature(authority, certificate.signedData, certificate.signature)) return false;
  const [oldest] = signed;
  if (signed.size >= MAX_REMEMBERED && oldest !== undefined) signed.delete(oldest);
  signed.add(id);
  return true;
}
