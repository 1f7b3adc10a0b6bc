/**
 * Signs host certificates. With make-authority.ts the only place that handles a
 * host CA's private key: it is read from the Secret, used once and dropped.
 */
import {
  fingerprint,
  formatCertificateLine,
  issueCertificate,
  parsePrivateKey,
  publicKeyOf,
  type SshPublicKey,
} from "@teleport-access/sshcert";
import { OperatorError } from "../errors.ts";
import { secretText, type Secret } from "../objects.ts";
import { BACKDATE_MS } from "./host-certificate.ts";

export interface HostCertificateRequest {
  readonly publicKey: SshPublicKey;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly ttlSeconds: number;
}

/** The authority as the plan decided it: signing with any other key is refused. */
export interface SigningAuthority {
  readonly secret: Secret | undefined;
  readonly secretKey: string;
  readonly fingerprint: string;
}

/**
 * The certificate as one OpenSSH line.
 * @throws OperatorError CA_KEY_CHANGED when the Secret no longer holds the key that was decided on.
 */
export function signHostCertificate(
  authority: SigningAuthority,
  request: HostCertificateRequest,
  now: Date,
): string {
  const text = secretText(authority.secret, authority.secretKey);
  if (text === undefined) throw changed(authority);
  const key = parsePrivateKey(text);
  if (fingerprint(publicKeyOf(key)) !== authority.fingerprint) throw changed(authority);
  const certificate = issueCertificate(key, {
    type: "host",
    publicKey: request.publicKey,
    keyId: request.keyId,
    principals: request.principals,
    validAfter: new Date(now.getTime() - BACKDATE_MS),
    validBefore: new Date(now.getTime() + request.ttlSeconds * 1000),
  });
  return formatCertificateLine(certificate, request.keyId);
}

function changed(authority: SigningAuthority): OperatorError {
  return new OperatorError(
    "CA_KEY_CHANGED",
    `the host CA key ${authority.fingerprint} went away while signing`,
  );
}
