/**
 * Decides whether an SSH host certificate is good or has to be issued (again). Pure.
 * The signature is made by sign-host.ts.
 */
import {
  dateOfSeconds,
  fingerprint,
  parseCertificateLine,
  type Certificate,
  type SshPublicKey,
} from "@teleport-access/sshcert";

/** A shorter lifetime would be nothing but renewals, and would not survive an operator that is away for a moment. */
export const MIN_TTL_SECONDS = 300;

/** What a certificate should say. */
export interface WantedHostCertificate {
  /** The host's key; absent while it has to be made. */
  readonly publicKey: SshPublicKey | undefined;
  readonly principals: readonly string[];
  readonly authorityFingerprint: string;
  readonly ttlSeconds: number;
}

/** The facts of a certificate for status. */
export interface HostCertificateFacts {
  readonly line: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly caFingerprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly renewAt: Date;
}

export type HostCertificateState =
  | { readonly state: "good"; readonly facts: HostCertificateFacts }
  | { readonly state: "due"; readonly why: HostCertificateDue; readonly facts?: HostCertificateFacts };

export type HostCertificateDue =
  | "none"
  | "unreadable"
  | "other-key"
  | "other-principals"
  | "other-authority"
  | "other-lifetime"
  | "two-thirds-over";

/** Servers whose clock is a little behind must already accept a new certificate. */
export const BACKDATE_MS = 60_000;
/** A certificate's lifetime may differ from the wanted one by this: it starts a little before it is issued. */
const LIFETIME_TOLERANCE_MS = 120_000;

/** Compares the certificate `line` with what is wanted at `now`. */
export function decideHostCertificate(
  line: string | undefined,
  wanted: WantedHostCertificate,
  now: Date,
): HostCertificateState {
  if (line === undefined) return { state: "due", why: "none" };
  const certificate = readCertificate(line);
  const facts = certificate === undefined ? undefined : factsOf(certificate, line);
  if (certificate === undefined || facts === undefined) return { state: "due", why: "unreadable" };
  const why = whyDue(certificate, facts, wanted, now);
  return why === undefined ? { state: "good", facts } : { state: "due", why, facts };
}

function whyDue(
  certificate: Certificate,
  facts: HostCertificateFacts,
  wanted: WantedHostCertificate,
  now: Date,
): HostCertificateDue | undefined {
  const lifetime = facts.notAfter.getTime() - facts.notBefore.getTime();
  const checks: readonly [boolean, HostCertificateDue][] = [
    [certificate.type !== "host" || !sameKey(certificate, wanted), "other-key"],
    [facts.caFingerprint !== wanted.authorityFingerprint, "other-authority"],
    [!sameSet(certificate.principals, wanted.principals), "other-principals"],
    [Math.abs(lifetime - wanted.ttlSeconds * 1000) > LIFETIME_TOLERANCE_MS, "other-lifetime"],
    [facts.renewAt <= now, "two-thirds-over"],
  ];
  return checks.find(([fails]) => fails)?.[1];
}

function readCertificate(line: string): Certificate | undefined {
  try {
    return parseCertificateLine(line);
  } catch {
    return undefined;
  }
}

function factsOf(certificate: Certificate, line: string): HostCertificateFacts | undefined {
  const notBefore = dateOfSeconds(certificate.validAfter);
  const notAfter = dateOfSeconds(certificate.validBefore);
  if (notBefore === undefined || notAfter === undefined) return undefined;
  const lifetime = notAfter.getTime() - notBefore.getTime() - BACKDATE_MS;
  return {
    line: line.trim(),
    serial: certificate.serial.toString(),
    fingerprint: fingerprint(certificate.publicKey),
    caFingerprint: fingerprint(certificate.caKeyBlob),
    notBefore,
    notAfter,
    renewAt: new Date(notAfter.getTime() - Math.max(0, lifetime) / 3),
  };
}

function sameKey(certificate: Certificate, wanted: WantedHostCertificate): boolean {
  return wanted.publicKey !== undefined && certificate.publicKey.blob.equals(wanted.publicKey.blob);
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === new Set(a).size;
}
