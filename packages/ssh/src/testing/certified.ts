/** For this package's tests: authorities and certificates, made on the spot. No program imports it. */
import type { KeyObject } from "node:crypto";

// eslint-disable-next-line no-restricted-imports -- imported by tests only: these certificates open nothing
import { generatePrivateKey, issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate, CertificateRequest, KeyAlgorithm, SshPublicKey } from "@teleport-access/sshcert";

/** The moment that tests happen in. */
export const NOW: number = Date.UTC(2026, 5, 1, 12);

export interface TestAuthority {
  readonly key: KeyObject;
  readonly publicKey: SshPublicKey;
}

export interface TestIdentity {
  readonly privateKey: KeyObject;
  readonly certificate: Certificate;
}

export function testAuthority(): TestAuthority {
  const key = generatePrivateKey("Ed25519");
  return { key, publicKey: publicKeyOf(key) };
}

/** A new key with a certificate around NOW. */
export function testIdentity(
  authority: TestAuthority,
  request: Partial<CertificateRequest> = {},
  algorithm: KeyAlgorithm = "Ed25519",
): TestIdentity {
  const privateKey = generatePrivateKey(algorithm);
  const certificate = issueCertificate(authority.key, {
    type: "user",
    publicKey: publicKeyOf(privateKey),
    keyId: "alice",
    principals: ["alice"],
    validAfter: new Date(NOW - 60_000),
    validBefore: new Date(NOW + 3_600_000),
    ...request,
  });
  return { privateKey, certificate };
}
