/**
 * OpenSSH certificates (PROTOCOL.certkeys) as bytes and as an object.
 *
 * Parsing trusts nothing and decides nothing: whether a certificate counts is
 * answered by verify.ts. Stricter than OpenSSH where it is lenient: options must
 * be sorted and unique, names must be text, nothing may follow the signature.
 */
import { keepCopy, SshFormatError, SshReader } from "./bytes.ts";
import { formatLine, isSoftwareKeyType, KEY_TYPES, parseLine, readKeyFields } from "./key.ts";
import type { KeyType, SshPublicKey } from "./key.ts";
import type { SignatureAlgorithm } from "./signature.ts";

export type CertificateType = "user" | "host";

/** What a certificate says, and the bytes it says it with. */
export interface Certificate {
  /** The name in front of the blob, e.g. `ssh-ed25519-cert-v01@openssh.com`. */
  readonly certType: string;
  readonly blob: Buffer;
  /** The key that is certified. */
  readonly publicKey: SshPublicKey;
  readonly serial: bigint;
  readonly type: CertificateType;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since 1970; the window is half-open (validity.ts). */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly criticalOptions: ReadonlyMap<string, Buffer>;
  readonly extensions: ReadonlyMap<string, Buffer>;
  /** The key that signed, not parsed: it is only ever compared with keys we trust. */
  readonly caKeyBlob: Buffer;
  readonly signature: Buffer;
  /** The bytes that the signature covers. */
  readonly signedData: Buffer;
}

export interface CertificateAlgorithm {
  /** The type name inside the blob. */
  readonly blobType: string;
  /** The only algorithm that the holder's signature may have. */
  readonly signature: SignatureAlgorithm;
}

/** The type name of a certificate for a key or algorithm of this name: `sk-…@openssh.com` becomes `sk-…-cert-v01@openssh.com`. */
export function certificateName(name: KeyType | SignatureAlgorithm): string {
  return `${name.replace(/@openssh\.com$/, "")}-cert-v01@openssh.com`;
}

const KEY_TYPE_OF: ReadonlyMap<string, KeyType> = new Map(
  KEY_TYPES.map((type) => [certificateName(type), type] as const),
);

/** The critical option that asks a security key for PIN or finger; a touch alone does not do. */
export const VERIFY_REQUIRED = "verify-required";

/** OpenSSH refuses certificates with more (SSHKEY_CERT_MAX_PRINCIPALS). */
export const MAX_PRINCIPALS = 256;
/** 256 principals of 128 bytes fit; a packet of SSH may be 35,000 bytes. */
const MAX_CERTIFICATE_BYTES = 64 * 1024;
const MAX_NONCE_BYTES = 1024;
/** The nonce guards against chosen-prefix collisions; OpenSSH writes 32 bytes. */
const MIN_NONCE_BYTES = 16;
const MAX_LIST_BYTES = 48 * 1024;
const MAX_NAME_BYTES = 1024;
/** An 8192-bit RSA key or signature is about 1 KiB. */
const MAX_CA_BYTES = 8192;

const TYPES: ReadonlyMap<number, CertificateType> = new Map([
  [1, "user"],
  [2, "host"],
]);

/** The names that a public key algorithm of a certificate may have on the wire, and what each implies. */
export const CERTIFICATE_ALGORITHMS: ReadonlyMap<string, CertificateAlgorithm> = new Map([
  certificateAlgorithm("ssh-ed25519", "ssh-ed25519"),
  certificateAlgorithm("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
  certificateAlgorithm("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
  certificateAlgorithm("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
  certificateAlgorithm("rsa-sha2-512", "ssh-rsa"),
  certificateAlgorithm("rsa-sha2-256", "ssh-rsa"),
  certificateAlgorithm("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com"),
  certificateAlgorithm("sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
]);

function certificateAlgorithm(signature: SignatureAlgorithm, key: KeyType): [string, CertificateAlgorithm] {
  return [certificateName(signature), { blobType: certificateName(key), signature }];
}

function keyTypeOf(certType: string): KeyType {
  // `rsa-sha2-512-cert-v01@openssh.com` names an algorithm, never a blob: it is not in the map.
  const type = KEY_TYPE_OF.get(certType);
  if (type === undefined) throw new SshFormatError("not a certificate of a supported key type");
  return type;
}

function readPrincipals(list: Buffer): string[] {
  const reader = new SshReader(list);
  const principals: string[] = [];
  while (reader.left > 0) {
    if (principals.length >= MAX_PRINCIPALS) throw new SshFormatError("too many principals");
    const principal = reader.text(MAX_NAME_BYTES);
    if (principal === "") throw new SshFormatError("empty principal");
    principals.push(principal);
  }
  return principals;
}

/** What OpenSSH knows as flags. With data in one, sshd refuses the whole certificate. */
const FLAGS: readonly string[] = [
  VERIFY_REQUIRED,
  "no-touch-required",
  "permit-X11-forwarding",
  "permit-agent-forwarding",
  "permit-port-forwarding",
  "permit-pty",
  "permit-user-rc",
];

function readOptions(list: Buffer): Map<string, Buffer> {
  const reader = new SshReader(list);
  const options = new Map<string, Buffer>();
  let previous = Buffer.alloc(0);
  while (reader.left > 0) {
    const name = reader.text(MAX_NAME_BYTES);
    const bytes = Buffer.from(name);
    // "Options must be lexically ordered by name if they appear in the sequence.
    // Each named option may only appear once": so two readers agree on the value.
    if (bytes.compare(previous) <= 0) throw new SshFormatError("options are empty, repeated or out of order");
    previous = bytes;
    const data = reader.string();
    if (data.length > 0 && FLAGS.includes(name))
      throw new SshFormatError("a flag among the options has data");
    options.set(name, data);
  }
  return options;
}

function readType(reader: SshReader): CertificateType {
  const type = TYPES.get(reader.u32());
  if (type === undefined) throw new SshFormatError("neither a user nor a host certificate");
  return type;
}

/**
 * The authority must be a plain key. A certificate in its place would make a
 * chain, which OpenSSH does not know, and reading it would recurse (CVE-2025-49825).
 * Nor a security key: an authority that waits for a touch signs nothing by itself.
 */
function readAuthority(reader: SshReader): Buffer {
  const blob = reader.string(MAX_CA_BYTES);
  if (!isSoftwareKeyType(new SshReader(blob).text(64)))
    throw new SshFormatError("not signed by a plain key of a supported type");
  return blob;
}

/** Parses the wire format; the result shares no memory with the input. @throws SshFormatError */
export function parseCertificate(input: Uint8Array): Certificate {
  if (input.length > MAX_CERTIFICATE_BYTES) throw new SshFormatError("certificate too large");
  const blob = keepCopy(input);
  const reader = new SshReader(blob);
  const certType = reader.text(64);
  const keyType = keyTypeOf(certType);
  if (reader.string(MAX_NONCE_BYTES).length < MIN_NONCE_BYTES) throw new SshFormatError("nonce too short");
  const body = readBody(keyType, reader);
  const signedData = blob.subarray(0, reader.position);
  const signature = reader.string(MAX_CA_BYTES);
  reader.end();
  return { certType, blob, ...body, signature, signedData };
}

/** The fields between the nonce and the signature, in their order on the wire. */
function readBody(
  keyType: KeyType,
  reader: SshReader,
): Omit<Certificate, "certType" | "blob" | "signature" | "signedData"> {
  const publicKey = readKeyFields(keyType, reader);
  const serial = reader.u64();
  const type = readType(reader);
  const keyId = reader.text(MAX_NAME_BYTES);
  const principals = readPrincipals(reader.string(MAX_LIST_BYTES));
  const validAfter = reader.u64();
  const validBefore = reader.u64();
  const criticalOptions = readOptions(reader.string(MAX_LIST_BYTES));
  const extensions = readOptions(reader.string(MAX_LIST_BYTES));
  // "reserved": ignored by OpenSSH; a value here is from a future we do not know.
  if (reader.string(MAX_NAME_BYTES).length > 0) throw new SshFormatError("reserved field is not empty");
  const caKeyBlob = readAuthority(reader);
  return {
    publicKey,
    serial,
    type,
    keyId,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    extensions,
    caKeyBlob,
  };
}

/** Parses one line as in `id_ed25519-cert.pub`. @throws SshFormatError */
export function parseCertificateLine(line: string): Certificate {
  const { type, blob } = parseLine(line);
  const certificate = parseCertificate(blob);
  if (certificate.certType !== type)
    throw new SshFormatError("the line names another type than its certificate has");
  return certificate;
}

/** One line as in `id_ed25519-cert.pub`, without a newline at its end. */
export function formatCertificateLine(certificate: Certificate | Uint8Array, comment = ""): string {
  const parsed = certificate instanceof Uint8Array ? parseCertificate(certificate) : certificate;
  return formatLine(parsed.certType, parsed.blob, comment);
}

/** The text in an option's data: option data is itself one string. @throws SshFormatError for a flag, which has none. */
export function optionString(data: Uint8Array): string {
  const reader = new SshReader(data);
  const text = reader.text(8192);
  reader.end();
  return text;
}
