/** What audit lines say about certificates and the keys in them. */
import { fingerprint, GOOD_RSA_BITS, rsaBitsOf } from "@teleport-access/sshcert";
import type { Certificate, SshPublicKey } from "@teleport-access/sshcert";
import type { AuditCertificate, AuditEvent } from "@teleport-access/wire";

/** Whose it is, which one, and who signed it. */
export function certificateFields(certificate: Certificate): AuditCertificate {
  return {
    keyId: certificate.keyId,
    serial: String(certificate.serial),
    authority: fingerprint(certificate.caKeyBlob),
  };
}

/** What should be mended about somebody's key; nothing for most. */
export function warningsAbout(key: SshPublicKey): Pick<AuditEvent, "warnings"> {
  const bits = rsaBitsOf(key);
  return bits === undefined || bits >= GOOD_RSA_BITS ? {} : { warnings: ["rsa-key-below-3072"] };
}
