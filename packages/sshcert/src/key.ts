/**
 * Public keys as OpenSSH writes them (RFC 4253, section 6.6; RFC 5656; RFC 8709; PROTOCOL.u2f).
 *
 * This file only says which keys there are. What a key may sign is in
 * signature.ts; a certificate is not a key here, so it can never be an authority.
 */
import { createHash, createPublicKey } from "node:crypto";
import type { JsonWebKey, KeyObject } from "node:crypto";

import { bitLength, keepCopy, SshFormatError, SshReader, SshWriter } from "./bytes.ts";

/** Keys whose private half a program can hold: the only ones that hosts and authorities have. DSA has no name here. */
export type SoftwareKeyType =
  "ssh-ed25519" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" | "ssh-rsa";

/** Keys inside a FIDO security key, which signs when its owner touches it. */
export type SecurityKeyType = "sk-ssh-ed25519@openssh.com" | "sk-ecdsa-sha2-nistp256@openssh.com";

/** The key types we know. */
export type KeyType = SoftwareKeyType | SecurityKeyType;

const SOFTWARE_KEY_TYPES: readonly SoftwareKeyType[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
];
const SECURITY_KEY_TYPES: readonly SecurityKeyType[] = [
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
];

export const KEY_TYPES: readonly KeyType[] = [...SOFTWARE_KEY_TYPES, ...SECURITY_KEY_TYPES];

/** sshd's RequiredRSASize is 1024; NIST SP 800-131A forbids below 2048. */
export const MIN_RSA_BITS = 2048;
/** The largest size that costs less than a millisecond to check; a 16k-bit key is an attack on our CPU. */
export const MAX_RSA_BITS = 8192;
/** `ssh-keygen` makes keys for "ssh:" or "ssh:name"; a WebAuthn key of a website is not for SSH. */
const APPLICATION = /^ssh:[\x20-\x7e]*$/;
/** A relying party's id is a DNS name; "ssh:" and such a name fit. */
const MAX_APPLICATION_BYTES = 256;
/** Public exponents are 65537 in practice; 64 bits leave room for the odd ones and bound the work. */
const MAX_RSA_EXPONENT_BITS = 64;

/** A public key. Two keys are the same key when their blobs are equal. */
export interface SshPublicKey {
  readonly type: KeyType;
  /** The key in wire format: our own copy, canonical. */
  readonly blob: Buffer;
  /** What a security key was told that it signs for, e.g. `ssh:`; its signatures cover it. Other keys have none. */
  readonly application?: string;
  /**
   * The key for node:crypto, made on first use: importing costs 10 to 90 µs and
   * most keys of refused requests are never used.
   * @throws SshFormatError when the numbers are no key, e.g. a point off its curve.
   */
  readonly keyObject: KeyObject;
}

/** What differs between the NIST curves: the name in a JWK, the hash (RFC 5656, section 6.2.1) and the bytes of a coordinate. */
export interface Curve {
  readonly ssh: string;
  readonly jwk: string;
  readonly hash: string;
  readonly size: number;
}

const P256: Curve = { ssh: "nistp256", jwk: "P-256", hash: "sha256", size: 32 };

const CURVES: ReadonlyMap<KeyType, Curve> = new Map([
  ["ecdsa-sha2-nistp256", P256],
  ["ecdsa-sha2-nistp384", { ssh: "nistp384", jwk: "P-384", hash: "sha384", size: 48 }],
  ["ecdsa-sha2-nistp521", { ssh: "nistp521", jwk: "P-521", hash: "sha512", size: 66 }],
]);

/** The curve of an ECDSA key type. @throws SshFormatError for the other types. */
export function curveOf(type: KeyType): Curve {
  const curve = type === "sk-ecdsa-sha2-nistp256@openssh.com" ? P256 : CURVES.get(type);
  if (curve === undefined) throw new SshFormatError(`${type} has no curve`);
  return curve;
}

class LazyPublicKey implements SshPublicKey {
  readonly type: KeyType;
  readonly blob: Buffer;
  declare readonly application?: string;
  readonly #make: () => KeyObject;
  #keyObject: KeyObject | undefined;

  constructor(type: KeyType, blob: Buffer, make: () => KeyObject, application?: string) {
    this.type = type;
    this.blob = keepCopy(blob);
    this.#make = make;
    if (application !== undefined) this.application = application;
  }

  get keyObject(): KeyObject {
    this.#keyObject ??= this.#make();
    return this.#keyObject;
  }
}

// Importing a JWK takes 8 µs where SPKI DER takes 86.
function importer(jwk: JsonWebKey): () => KeyObject {
  return function importKey() {
    try {
      return createPublicKey({ key: jwk, format: "jwk" });
    } catch (cause) {
      throw new SshFormatError("the numbers of the public key are not valid", { cause });
    }
  };
}

function base64url(bytes: Buffer): string {
  return bytes.toString("base64url");
}

export function isKeyType(name: string): name is KeyType {
  return (KEY_TYPES as readonly string[]).includes(name);
}

/** Whether a program can hold the private half: what an authority's and a host's key must be. */
export function isSoftwareKeyType(name: string): name is SoftwareKeyType {
  return (SOFTWARE_KEY_TYPES as readonly string[]).includes(name);
}

/** Whether the private half is in a FIDO security key. */
export function isSecurityKeyType(name: string): name is SecurityKeyType {
  return (SECURITY_KEY_TYPES as readonly string[]).includes(name);
}

function readApplication(type: KeyType, reader: SshReader): string | undefined {
  if (!isSecurityKeyType(type)) return undefined;
  const application = reader.text(MAX_APPLICATION_BYTES);
  if (!APPLICATION.test(application)) throw new SshFormatError("not a security key's key for SSH");
  return application;
}

function readEd25519(type: KeyType, reader: SshReader): SshPublicKey {
  const point = reader.string();
  if (point.length !== 32) throw new SshFormatError("an Ed25519 key has 32 bytes");
  const application = readApplication(type, reader);
  const blob = new SshWriter().string(type).string(point);
  if (application !== undefined) blob.string(application);
  const make = importer({ kty: "OKP", crv: "Ed25519", x: base64url(point) });
  return new LazyPublicKey(type, blob.done(), make, application);
}

function readRsa(reader: SshReader): SshPublicKey {
  const e = reader.mpint(MAX_RSA_EXPONENT_BITS);
  const n = reader.mpint(MAX_RSA_BITS);
  if (bitLength(n) < MIN_RSA_BITS) throw new SshFormatError(`an RSA key needs at least ${MIN_RSA_BITS} bits`);
  if (!isOdd(n) || !isOdd(e) || bitLength(e) < 2) throw new SshFormatError("not an RSA key");
  const blob = new SshWriter().string("ssh-rsa").mpint(e).mpint(n).done();
  return new LazyPublicKey("ssh-rsa", blob, importer({ kty: "RSA", n: base64url(n), e: base64url(e) }));
}

function isOdd(magnitude: Buffer): boolean {
  return ((magnitude.at(-1) ?? 0) & 1) === 1;
}

function readEcdsa(type: KeyType, reader: SshReader): SshPublicKey {
  const curve = curveOf(type);
  if (reader.text(32) !== curve.ssh) throw new SshFormatError("the curve is not the one of the key type");
  const point = reader.string();
  // 0x04: uncompressed, the only form of RFC 5656, section 3.1 that OpenSSH takes.
  if (point.length !== 1 + 2 * curve.size || point[0] !== 4)
    throw new SshFormatError("not a point of the curve");
  const application = readApplication(type, reader);
  const blob = new SshWriter().string(type).string(curve.ssh).string(point);
  if (application !== undefined) blob.string(application);
  const x = base64url(point.subarray(1, 1 + curve.size));
  const y = base64url(point.subarray(1 + curve.size));
  const make = importer({ kty: "EC", crv: curve.jwk, x, y });
  return new LazyPublicKey(type, blob.done(), make, application);
}

/** Reads the fields of a key after its type name (and, in a certificate, after the nonce). */
export function readKeyFields(type: KeyType, reader: SshReader): SshPublicKey {
  switch (type) {
    case "ssh-ed25519":
    case "sk-ssh-ed25519@openssh.com":
      return readEd25519(type, reader);
    case "ssh-rsa":
      return readRsa(reader);
    default:
      return readEcdsa(type, reader);
  }
}

/** Parses the wire format of a plain key. @throws SshFormatError, also for certificates and unknown types. */
export function parsePublicKey(blob: Uint8Array): SshPublicKey {
  const reader = new SshReader(blob);
  const type = reader.text(64);
  if (!isKeyType(type)) throw new SshFormatError("not a plain key of a supported type");
  const key = readKeyFields(type, reader);
  reader.end();
  return key;
}

/** The two fields of a line `type base64 [comment]`: the type and the decoded bytes. */
export function parseLine(line: string): { readonly type: string; readonly blob: Buffer } {
  const match = /^([a-z0-9@.-]{1,64})[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t][^\r\n\0]*)?$/.exec(line.trim());
  const [, type, base64] = match ?? [];
  if (type === undefined || base64 === undefined) throw new SshFormatError("not an OpenSSH public key line");
  const blob = Buffer.from(base64, "base64");
  // Node skips what it cannot decode; two spellings of one key would compare unequal.
  if (blob.toString("base64") !== base64) throw new SshFormatError("not canonical base64");
  return { type, blob };
}

/** Parses one line as in `id_ed25519.pub`. Options in front, as in authorized_keys, are refused. */
export function parsePublicKeyLine(line: string): SshPublicKey {
  const { type, blob } = parseLine(line);
  const key = parsePublicKey(blob);
  if (key.type !== type) throw new SshFormatError("the line names another type than its key has");
  return key;
}

/** The line `type base64[ comment]`, without a newline at its end. */
export function formatLine(type: string, blob: Uint8Array, comment: string): string {
  if (/[\r\n\0]/.test(comment)) throw new SshFormatError("a comment is one line");
  const base64 = Buffer.from(blob).toString("base64");
  return comment === "" ? `${type} ${base64}` : `${type} ${base64} ${comment}`;
}

/** One line as in `id_ed25519.pub`, without a newline at its end. */
export function formatPublicKeyLine(key: SshPublicKey, comment = ""): string {
  return formatLine(key.type, key.blob, comment);
}

function field(value: string | undefined): Buffer {
  if (value === undefined) throw new SshFormatError("the key lacks a number");
  return Buffer.from(value, "base64url");
}

/** The SSH form of a key of node:crypto, private or public. @throws SshFormatError for a type that SSH does not know. */
export function publicKeyOf(key: KeyObject): SshPublicKey {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  if (publicKey.type !== "public") throw new SshFormatError("a secret has no public key");
  return new LazyPublicKey(...describe(publicKey), () => publicKey);
}

function describe(publicKey: KeyObject): [KeyType, Buffer] {
  if (publicKey.asymmetricKeyType === "rsa") return describeRsa(publicKey.export({ format: "jwk" }));
  if (publicKey.asymmetricKeyType === "ed25519") {
    const { x } = publicKey.export({ format: "jwk" });
    return ["ssh-ed25519", new SshWriter().string("ssh-ed25519").string(field(x)).done()];
  }
  if (publicKey.asymmetricKeyType === "ec") return describeEcdsa(publicKey.export({ format: "jwk" }));
  throw new SshFormatError("SSH has no name for this type of key");
}

function describeRsa({ e, n }: JsonWebKey): [KeyType, Buffer] {
  return ["ssh-rsa", new SshWriter().string("ssh-rsa").mpint(field(e)).mpint(field(n)).done()];
}

function describeEcdsa({ crv, x, y }: JsonWebKey): [KeyType, Buffer] {
  for (const [type, curve] of CURVES) {
    if (curve.jwk !== crv) continue;
    const point = Buffer.concat([Buffer.of(4), field(x), field(y)]);
    return [type, new SshWriter().string(type).string(curve.ssh).string(point).done()];
  }
  throw new SshFormatError("SSH has no name for this curve");
}

/** The fingerprint that `ssh-keygen -l` prints, e.g. `SHA256:2rHd…`. For a certificate, pass its public key. */
export function fingerprint(key: SshPublicKey | Uint8Array): string {
  const blob = key instanceof Uint8Array ? key : key.blob;
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
