/**
 * Makes OpenSSH certificates.
 *
 * Refuses to sign what another reader could take for more than was meant:
 * nobody's name, everybody's name, a list in one name, an endless window.
 * Who may have a certificate is decided by the two callers that lint allows.
 */
import { randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { SshWriter } from "./bytes.ts";
import { certificateName, MAX_PRINCIPALS, parseCertificate } from "./certificate.ts";
import type { Certificate, CertificateType } from "./certificate.ts";
import { isSecurityKeyType, publicKeyOf } from "./key.ts";
import type { SshPublicKey } from "./key.ts";
import { GOOD_RSA_BITS, rsaBitsOf } from "./rsa-size.ts";
import { signatureAlgorithmsFor, signData } from "./signature.ts";
import { secondsOfDate } from "./validity.ts";

export type IssueRefusal =
  | "no-principals"
  | "too-many-principals"
  | "bad-principal"
  | "bad-key-id"
  | "bad-option"
  | "bad-validity"
  | "bad-serial"
  | "weak-key"
  | "host-security-key";

/** A certificate that must not exist was asked for; `reason` says which rule it breaks. */
export class IssueError extends Error {
  readonly code = "SSH_ISSUE";
  override readonly name = "IssueError";
  readonly reason: IssueRefusal;

  constructor(reason: IssueRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface CertificateRequest {
  readonly type: CertificateType;
  readonly publicKey: SshPublicKey;
  readonly keyId: string;
  /** At least one, at most 256. */
  readonly principals: readonly string[];
  /** @default 63 random bits and never 0, which means "no serial" */
  readonly serial?: bigint;
  /** Cut to whole seconds. */
  readonly validAfter: Date;
  /** Cut to whole seconds; excluded. */
  readonly validBefore: Date;
  /** An empty value is a flag. */
  readonly criticalOptions?: Readonly<Record<string, string>>;
  readonly extensions?: Readonly<Record<string, string>>;
  /** The smallest RSA key that is certified. @default GOOD_RSA_BITS */
  readonly minRsaBits?: number;
  /** @default node:crypto's randomBytes */
  readonly random?: (size: number) => Buffer;
}

/** Printable ASCII without what ssh reads as pattern, list or negation. */
const PRINCIPAL = /^(?![-])[\x21-\x7e]{1,512}$/;
const PATTERN_CHARACTERS = /[,*?!"'\\]/;
const KEY_ID = /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/;
const OPTION_NAME = /^[A-Za-z0-9@._-]{1,256}$/;
const OPTION_VALUE = /^[\x20-\x7e]{0,8192}$/;

/** Signs a certificate and returns it parsed. @throws IssueError when the request breaks a rule. */
export function issueCertificate(caKey: KeyObject, request: CertificateRequest): Certificate {
  checkRequest(request);
  const random = request.random ?? randomBytes;
  const authority = publicKeyOf(caKey);
  const [algorithm] = signatureAlgorithmsFor(authority.type);
  if (algorithm === undefined) throw new IssueError("weak-key", "the authority has no signature algorithm");
  const toBeSigned = new SshWriter()
    .string(certificateName(request.publicKey.type))
    .string(random(32))
    .raw(keyFields(request.publicKey))
    .u64(request.serial ?? randomSerial(random))
    .u32(request.type === "user" ? 1 : 2)
    .string(request.keyId)
    .string(writeList(request.principals))
    .u64(secondsOfDate(request.validAfter))
    .u64(secondsOfDate(request.validBefore))
    .string(writeOptions(request.criticalOptions ?? {}))
    .string(writeOptions(request.extensions ?? {}))
    .string("")
    .string(authority.blob)
    .done();
  const blob = new SshWriter()
    .raw(toBeSigned)
    .string(signData(caKey, toBeSigned, algorithm))
    .done();
  // Read back by the strict parser: what we would refuse, we do not issue.
  return parseCertificate(blob);
}

function checkRequest(request: CertificateRequest): void {
  const { principals, keyId, serial } = request;
  // An empty list was "everybody" to older clients (CVE-2024-7594).
  if (principals.length === 0) throw new IssueError("no-principals", "a certificate needs a principal");
  if (principals.length > MAX_PRINCIPALS) {
    throw new IssueError(
      "too-many-principals",
      `${principals.length} principals, OpenSSH reads ${MAX_PRINCIPALS}`,
    );
  }
  for (const principal of principals) checkPrincipal(principal);
  if (!KEY_ID.test(keyId))
    throw new IssueError("bad-key-id", `key id ${JSON.stringify(keyId)} is not printable`);
  if (serial !== undefined && (serial < 0n || serial > 0xffff_ffff_ffff_ffffn)) {
    throw new IssueError("bad-serial", "a serial has 64 bits");
  }
  checkWindow(request);
  checkOptions(request.criticalOptions ?? {});
  checkOptions(request.extensions ?? {});
  checkSubject(request);
}

/** A comma made two names of one in OpenSSH before 10.3 (CVE-2026-35414); `*` and `?` match in host names. */
function checkPrincipal(principal: string): void {
  if (PRINCIPAL.test(principal) && !PATTERN_CHARACTERS.test(principal)) return;
  throw new IssueError(
    "bad-principal",
    `principal ${JSON.stringify(principal)} is empty, a pattern or not printable`,
  );
}

function checkWindow({ validAfter, validBefore }: CertificateRequest): void {
  try {
    if (secondsOfDate(validAfter) < secondsOfDate(validBefore)) return;
  } catch (cause) {
    throw new IssueError("bad-validity", "the window is not made of dates", { cause });
  }
  throw new IssueError("bad-validity", "the window ends before it begins");
}

function checkOptions(options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!OPTION_NAME.test(name) || !OPTION_VALUE.test(value)) {
      throw new IssueError("bad-option", `option ${JSON.stringify(name)} is not printable`);
    }
  }
}

function checkSubject({ type, publicKey: key, minRsaBits = GOOD_RSA_BITS }: CertificateRequest): void {
  if (type === "host" && isSecurityKeyType(key.type)) {
    throw new IssueError("host-security-key", "a host has nobody at hand to touch its security key");
  }
  const bits = rsaBitsOf(key);
  if (bits === undefined || bits >= minRsaBits) return;
  throw new IssueError("weak-key", `an RSA key needs at least ${minRsaBits} bits to be certified`);
}

/** The blob without its type name: the form that a certificate embeds. */
function keyFields(key: SshPublicKey): Buffer {
  return key.blob.subarray(4 + Buffer.byteLength(key.type));
}

// 63 bits, so that tools which read serials as signed numbers print the same one.
function randomSerial(random: (size: number) => Buffer): bigint {
  const serial = random(8).readBigUInt64BE() >> 1n;
  return serial === 0n ? 1n : serial;
}

function writeList(items: readonly string[]): Buffer {
  const writer = new SshWriter();
  for (const item of items) writer.string(item);
  return writer.done();
}

function writeOptions(options: Readonly<Record<string, string>>): Buffer {
  const writer = new SshWriter();
  // Names are ASCII (checked), so the order of code units is the order of bytes.
  for (const name of Object.keys(options).sort()) {
    const value = options[name] ?? "";
    writer.string(name).string(value === "" ? "" : new SshWriter().string(value).done());
  }
  return writer.done();
}
