/**
 * Decides what is true of a proxy's web TLS: whether the Secret that the proxy
 * presents is good, and whether the self-made one is due to be made again.
 *
 * Pure. The certificates themselves are made by make-web-tls.ts. Losing a
 * self-made pair is not like losing an SSH CA: nobody's identity depends on it,
 * so it is made again without asking.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { kubeTime } from "@teleport-access/kube";
import { secretText, type Secret } from "../objects.ts";

const DAY_MS = 86_400_000;
/** A leaf lives a year: short enough to stay a routine, long enough for a proxy that nobody looks after. */
export const LEAF_LIFETIME_MS: number = 365 * DAY_MS;
/** Browsers and files that people copied trust the authority: it should outlive the installation. */
export const AUTHORITY_LIFETIME_MS: number = 3650 * DAY_MS;
/** Clocks that are a little behind must already accept a new certificate. */
export const BACKDATE_MS = 3_600_000;

export interface WebTlsFacts {
  readonly fingerprintSHA256: string;
  readonly notAfter: Date;
  /** When the self-made leaf is made again. */
  readonly renewAt: Date;
}

export type WebTlsState =
  | { readonly state: "good"; readonly facts: WebTlsFacts }
  | { readonly state: "unusable"; readonly problem: WebTlsProblem; readonly message: string };

export type WebTlsProblem = "SecretNotFound" | "InvalidCertificate" | "Expired";

/** Says whether the TLS Secret called `name` can be presented at `now`. */
export function inspectWebTls(name: string, secret: Secret | undefined, now: Date): WebTlsState {
  if (secret === undefined) {
    return unusable(
      "SecretNotFound",
      `Secret ${name} does not exist; create it with keys tls.crt and tls.key`,
    );
  }
  const certificate = secretText(secret, "tls.crt");
  const key = secretText(secret, "tls.key");
  if (certificate === undefined || key === undefined) {
    return unusable("InvalidCertificate", `Secret ${name} has no tls.crt or no tls.key`);
  }
  const parsed = parsePair(certificate, key);
  if (parsed === undefined) {
    return unusable(
      "InvalidCertificate",
      `tls.crt and tls.key in Secret ${name} are not a PEM certificate and its key`,
    );
  }
  const facts = factsOf(parsed);
  if (facts.notAfter <= now) {
    return unusable(
      "Expired",
      `the certificate in Secret ${name} expired at ${kubeTime(facts.notAfter)}; renew it`,
    );
  }
  return { state: "good", facts };
}

/** Whether the self-made leaf in `secret` must be made (again): bad, past two thirds of its life, or for other names. */
export function isWebTlsDue(secret: Secret | undefined, names: readonly string[], now: Date): boolean {
  const found = inspectWebTls("", secret, now);
  if (found.state !== "good" || found.facts.renewAt <= now) return true;
  if (secretText(secret, "ca.crt") === undefined) return true;
  const leaf = new X509Certificate(secretText(secret, "tls.crt") ?? "");
  const covered = new Set(alternativeNames(leaf));
  return names.some((name) => !covered.has(canonicalName(name)));
}

/** The names a self-made leaf carries: the public ones first, then those of the Service. */
export function webTlsNames(web: string, service: string, namespace: string): string[] {
  const { hostname } = new URL(web);
  const host = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return [...new Set([host, service, `${service}.${namespace}`, `${service}.${namespace}.svc`, "localhost"])];
}

function parsePair(certificate: string, key: string): X509Certificate | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    return parsed.checkPrivateKey(createPrivateKey(key)) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function factsOf(certificate: X509Certificate): WebTlsFacts {
  const notBefore = certificate.validFromDate.getTime();
  const notAfter = certificate.validToDate.getTime();
  return {
    fingerprintSHA256: certificate.fingerprint256,
    notAfter: new Date(notAfter),
    renewAt: new Date(notBefore + ((notAfter - notBefore) * 2) / 3),
  };
}

function alternativeNames(certificate: X509Certificate): string[] {
  const entries = certificate.subjectAltName?.split(", ") ?? [];
  return entries.map((entry) => canonicalName(entry.replace(/^(DNS|IP Address):/, "")));
}

/** One spelling per name: OpenSSL prints IPv6 addresses in upper case and without "::". */
function canonicalName(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname : name.toLowerCase();
}

function unusable(problem: WebTlsProblem, message: string): WebTlsState {
  return { state: "unusable", problem, message };
}
