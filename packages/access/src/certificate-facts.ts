/**
 * What a person's certificate says to the proxy: whose it is, which sign-in it
 * comes from, what it would be good for at a target. PROTOCOL.certkeys of OpenSSH
 * names the extensions and options.
 */
import { optionString, VERIFY_REQUIRED, verifyCertificate } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import type { Permission } from "./grant.ts";
import type { AccessRefusal } from "./refusal.ts";
import { certificateRanges, rangesContain } from "./source-ranges.ts";
import type { World } from "./world.ts";

/** The extension that names the LoginSession behind a certificate. sshd ignores it. */
export const SESSION_EXTENSION = "session@teleport-access.io";

/** Which extension of a certificate carries which permission; Exec and FileTransfer have none in SSH. */
export const EXTENSION_OF_PERMISSION: Readonly<Partial<Record<Permission, string>>> = {
  Shell: "permit-pty",
  AgentForwarding: "permit-agent-forwarding",
  PortForwarding: "permit-port-forwarding",
  X11Forwarding: "permit-X11-forwarding",
};

/** Slack over the longest lifetime, for `validAfter` lying a little in the past. */
const LIFETIME_SLACK_SECONDS = 300;

/**
 * The critical options that count as enforced: source-address below, verify-required where the signature is seen
 * (packages/ssh calls no request proven that lacks it), force-command by the target's sshd inside a jump and by
 * the proxy in the forward form.
 */
const CRITICAL_OPTIONS: readonly string[] = ["source-address", VERIFY_REQUIRED, "force-command"];

/**
 * Whether the certificate is good for `source` in this world: type, authority, signature, window, options.
 * Undefined when it is.
 */
export function refuseCertificate(
  certificate: Certificate,
  source: string,
  world: Pick<World, "now" | "userAuthorities" | "maxCertificateTtlSeconds">,
): AccessRefusal | undefined {
  const verdict = verifyCertificate(certificate, {
    type: "user",
    authorities: world.userAuthorities,
    now: new Date(world.now),
    criticalOptions: CRITICAL_OPTIONS,
    ...(world.maxCertificateTtlSeconds === undefined
      ? {}
      : { maxLifetimeSeconds: world.maxCertificateTtlSeconds + LIFETIME_SLACK_SECONDS }),
  });
  if (!verdict.valid) return `certificate-${verdict.reason}`;
  if (forcedCommandOf(certificate) === "unreadable") return "certificate-unknown-critical-option";
  return refuseSourceOption(certificate, source);
}

/** The only command that the certificate is good for, if it names one; it stands in for whatever is asked for. */
export function forcedCommandOf(
  certificate: Certificate,
): { readonly command: string } | "unreadable" | undefined {
  const data = certificate.criticalOptions.get("force-command");
  if (data === undefined) return undefined;
  try {
    const command = optionString(data);
    return command === "" ? "unreadable" : { command };
  } catch {
    return "unreadable";
  }
}

/**
 * What may have changed since the certificate was accepted: its authority may be
 * gone (rotated out), its time may be over. The signature was checked then, and
 * the parsed certificate cannot change.
 */
export function refuseKnownCertificate(certificate: Certificate, world: World): AccessRefusal | undefined {
  if (!world.userAuthorities.some((key) => key.blob.equals(certificate.caKeyBlob))) {
    return "certificate-unknown-authority";
  }
  return world.now < expiryOf(certificate) ? undefined : "certificate-expired";
}

/** When the certificate is over, in milliseconds; Infinity for "forever". */
export function expiryOf(certificate: Certificate): number {
  const milliseconds = certificate.validBefore * 1000n;
  return milliseconds > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(milliseconds);
}

/** The LoginSession that the certificate comes from, if it names one properly. */
export function loginSessionOf(certificate: Certificate): string | undefined {
  const data = certificate.extensions.get(SESSION_EXTENSION);
  if (data === undefined) return undefined;
  try {
    return optionString(data);
  } catch {
    return undefined;
  }
}

/** The permissions that a target's sshd would read from the certificate. */
export function permissionsInside(certificate: Certificate): readonly Permission[] {
  const pairs = Object.entries(EXTENSION_OF_PERMISSION) as [Permission, string][];
  return pairs.filter(([, extension]) => certificate.extensions.has(extension)).map(([p]) => p);
}

function refuseSourceOption(certificate: Certificate, source: string): AccessRefusal | undefined {
  const data = certificate.criticalOptions.get("source-address");
  if (data === undefined) return undefined;
  try {
    const ranges = certificateRanges(optionString(data));
    if (ranges === undefined) return "certificate-unknown-critical-option";
    return rangesContain(ranges, source) ? undefined : "certificate-source-not-allowed";
  } catch {
    return "certificate-unknown-critical-option";
  }
}
