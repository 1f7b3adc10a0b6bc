/**
 * Is the certificate that a machine has still the right one? Pure.
 *
 * Each look makes a fresh certificate and compares: signing costs 50 µs, and what
 * the user CA would sign now is by definition what the grants say now. The new one
 * is sent only when it says something else, or lasts noticeably longer.
 */
import type { Certificate } from "@teleport-access/sshcert";

/** Renewed when this much of the lifetime has passed, so that a proxy may be away for the rest of it. */
const RENEW_AT = 2 / 3;
/** Less than this is not worth a new file. */
const NOTICEABLE_SECONDS = 60n;

/** Why a certificate is to be sent, or "keep". */
export type CertificatePlan = "first" | "changed" | "renewed" | "shortened" | "keep";

/** Compares what the machine has with what it would get now. */
export function planCertificate(
  current: Certificate | undefined,
  fresh: Certificate,
  now: number,
): CertificatePlan {
  if (current === undefined) return "first";
  if (essenceOf(current) !== essenceOf(fresh)) return "changed";
  if (fresh.validBefore + NOTICEABLE_SECONDS < current.validBefore) return "shortened";
  const longer = fresh.validBefore > current.validBefore + NOTICEABLE_SECONDS;
  return now >= renewalTime(current) && longer ? "renewed" : "keep";
}

/** When two thirds of the certificate's lifetime have passed, in milliseconds since the epoch. */
export function renewalTime(certificate: Certificate): number {
  const from = Number(certificate.validAfter) * 1000;
  const to = Number(certificate.validBefore) * 1000;
  return from + (to - from) * RENEW_AT;
}

/** Everything that a certificate says but its serial and its times. */
function essenceOf(certificate: Certificate): string {
  return JSON.stringify([
    certificate.keyId,
    certificate.publicKey.blob.toString("base64"),
    certificate.caKeyBlob.toString("base64"),
    certificate.principals.toSorted(),
    optionsOf(certificate.criticalOptions),
    optionsOf(certificate.extensions),
  ]);
}

function optionsOf(options: ReadonlyMap<string, Buffer>): readonly string[] {
  return [...options].map(([name, data]) => `${name}=${data.toString("base64")}`).toSorted();
}
