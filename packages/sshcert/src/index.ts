/**
 * OpenSSH keys, signatures and certificates on node:crypto: read, checked, made.
 *
 * Pure: no I/O, no clock, no trust of its own. The caller says which authorities
 * count, what time it is and what the certificate is for. Everything that comes
 * from outside is parsed strictly: what OpenSSH would have to guess about, we refuse.
 */
export { keepCopy, SshFormatError, SshReader, SshWriter } from "./bytes.ts";
export {
  fingerprint,
  formatPublicKeyLine,
  isSecurityKeyType,
  KEY_TYPES,
  MAX_RSA_BITS,
  MIN_RSA_BITS,
  parsePublicKey,
  parsePublicKeyLine,
  publicKeyOf,
} from "./key.ts";
export type { KeyType, SecurityKeyType, SshPublicKey } from "./key.ts";
export { formatOpenSshPrivateKey, formatPkcs8, generatePrivateKey, parsePrivateKey } from "./private-key.ts";
export type { KeyAlgorithm } from "./private-key.ts";
export {
  checkSignature,
  rawSignature,
  signatureAlgorithmsFor,
  signData,
  verifySignature,
} from "./signature.ts";
export type { SecurityKeyFacts, SignatureAlgorithm, SignatureVerdict } from "./signature.ts";
export {
  CERTIFICATE_ALGORITHMS,
  formatCertificateLine,
  MAX_PRINCIPALS,
  optionString,
  parseCertificate,
  parseCertificateLine,
  VERIFY_REQUIRED,
} from "./certificate.ts";
export type { Certificate, CertificateAlgorithm, CertificateType } from "./certificate.ts";
export { GOOD_RSA_BITS, rsaBitsOf } from "./rsa-size.ts";
export { dateOfSeconds, FOREVER, secondsOfDate, validityAt } from "./validity.ts";
export type { Validity, ValidityState } from "./validity.ts";
export { verifyCertificate } from "./verify.ts";
export type { CertificatePurpose, CertificateRefusal, CertificateVerdict } from "./verify.ts";
export { IssueError, issueCertificate } from "./sign.ts";
export type { CertificateRequest, IssueRefusal } from "./sign.ts";
