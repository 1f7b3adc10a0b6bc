/**
 * Private keys in files: PKCS#8 and OpenSSH's own format (PROTOCOL.key).
 *
 * Only unencrypted files: a daemon has nobody to ask for a passphrase, and the
 * file is in a Secret. No message of an error here quotes the file.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import type { JsonWebKey, KeyObject } from "node:crypto";

import { SshFormatError, SshReader, SshWriter } from "./bytes.ts";
import { curveOf, isSoftwareKeyType, parsePublicKey, publicKeyOf } from "./key.ts";
import type { KeyType } from "./key.ts";

/** The names that the CRDs use. */
export type KeyAlgorithm = "Ed25519" | "ECDSAP256" | "ECDSAP384" | "RSA3072";

const MAGIC = "openssh-key-v1\0";
const BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END = "-----END OPENSSH PRIVATE KEY-----";
/** The block size of the cipher "none" (PROTOCOL.key, section 3). */
const BLOCK = 8;
/** An 8192-bit RSA key is 7 KiB. */
const MAX_FILE_CHARACTERS = 64 * 1024;

/** Makes a key. RSA takes most of a second: not for a request's path. */
export function generatePrivateKey(algorithm: KeyAlgorithm): KeyObject {
  switch (algorithm) {
    case "Ed25519":
      return generateKeyPairSync("ed25519").privateKey;
    case "ECDSAP256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "ECDSAP384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    case "RSA3072":
      return generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey;
  }
}

/** Reads the file of an unencrypted private key that SSH can use. @throws SshFormatError */
export function parsePrivateKey(text: string): KeyObject {
  if (text.length > MAX_FILE_CHARACTERS) throw new SshFormatError("too large for a private key");
  const trimmed = text.trim();
  if (trimmed.startsWith(BEGIN)) return parseOpenSsh(trimmed);
  if (trimmed.startsWith("-----BEGIN PRIVATE KEY-----")) return parsePkcs8(trimmed);
  throw new SshFormatError("neither an unencrypted PKCS#8 nor an OpenSSH private key");
}

function parsePkcs8(text: string): KeyObject {
  const key = importPrivate(() => createPrivateKey({ key: text, format: "pem" }));
  // Also refuses types and RSA sizes that SSH has no use for.
  parsePublicKey(publicKeyOf(key).blob);
  return key;
}

function importPrivate(make: () => KeyObject): KeyObject {
  try {
    return make();
  } catch {
    // OpenSSL's own message may quote the input.
    throw new SshFormatError("the private key cannot be read");
  }
}

function parseOpenSsh(text: string): KeyObject {
  const body = text.slice(BEGIN.length, text.endsWith(END) ? -END.length : 0).replace(/\s+/g, "");
  if (body === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(body))
    throw new SshFormatError("the private key is cut off");
  const reader = new SshReader(Buffer.from(body, "base64"));
  if (reader.raw(MAGIC.length).toString("latin1") !== MAGIC)
    throw new SshFormatError("not an OpenSSH private key");
  const [cipher, kdf] = [reader.text(64), reader.text(64)];
  if (cipher !== "none" || kdf !== "none") throw new SshFormatError("the private key has a passphrase");
  if (reader.string(64).length !== 0 || reader.u32() !== 1)
    throw new SshFormatError("not a file with one private key");
  const publicBlob = parsePublicKey(reader.string()).blob;
  const key = readPrivateSection(reader.string());
  reader.end();
  if (!publicKeyOf(key).blob.equals(publicBlob))
    throw new SshFormatError("the file's two halves are not one key");
  return key;
}

function readPrivateSection(section: Buffer): KeyObject {
  const reader = new SshReader(section);
  // Two equal numbers tell a wrong passphrase; without one they only show damage.
  if (reader.u32() !== reader.u32()) throw new SshFormatError("the private key is damaged");
  const type = reader.text(64);
  if (!isSoftwareKeyType(type)) throw new SshFormatError("not a key of a supported type");
  const jwk = readJwk(type, reader);
  reader.text();
  for (let expected = 1; reader.left > 0; expected++) {
    if (expected >= BLOCK || reader.u8() !== expected)
      throw new SshFormatError("the private key's padding is wrong");
  }
  return importPrivate(() => createPrivateKey({ key: jwk, format: "jwk" }));
}

function readJwk(type: KeyType, reader: SshReader): JsonWebKey {
  if (type === "ssh-rsa") return readRsa(reader);
  return type === "ssh-ed25519" ? readEd25519(reader) : readEcdsa(type, reader);
}

function readEd25519(reader: SshReader): JsonWebKey {
  const point = reader.string();
  const secret = reader.string();
  if (secret.length !== 64 || !secret.subarray(32).equals(point))
    throw new SshFormatError("not an Ed25519 key");
  return { kty: "OKP", crv: "Ed25519", x: text(point), d: text(secret.subarray(0, 32)) };
}

function readEcdsa(type: KeyType, reader: SshReader): JsonWebKey {
  const curve = curveOf(type);
  if (reader.text(32) !== curve.ssh) throw new SshFormatError("the curve is not the one of the key type");
  const point = reader.string();
  if (point.length !== 1 + 2 * curve.size || point[0] !== 4)
    throw new SshFormatError("not a point of the curve");
  const d = reader.mpint(curve.size * 8);
  const [x, y] = [point.subarray(1, 1 + curve.size), point.subarray(1 + curve.size)];
  const padded = Buffer.concat([Buffer.alloc(curve.size - d.length), d]);
  return { kty: "EC", crv: curve.jwk, x: text(x), y: text(y), d: text(padded) };
}

function readRsa(reader: SshReader): JsonWebKey {
  const [n, e, d] = [reader.mpint(), reader.mpint(), reader.mpint()];
  const [qi, p, q] = [reader.mpint(), reader.mpint(), reader.mpint()];
  // The file lacks the two exponents that speed up signing; a JWK must have them.
  const [dp, dq] = [modulo(d, p), modulo(d, q)];
  return {
    kty: "RSA",
    n: text(n),
    e: text(e),
    d: text(d),
    p: text(p),
    q: text(q),
    dp: text(dp),
    dq: text(dq),
    qi: text(qi),
  };
}

/** d mod (prime − 1) */
function modulo(d: Buffer, prime: Buffer): Buffer {
  const order = BigInt(`0x${prime.toString("hex")}`) - 1n;
  if (order <= 0n) throw new SshFormatError("not an RSA key");
  const hex = (BigInt(`0x${d.toString("hex")}`) % order).toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
}

function text(bytes: Buffer): string {
  return bytes.toString("base64url");
}

/** The private key as PKCS#8 PEM. */
export function formatPkcs8(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

/** The private key as `ssh-keygen` writes it without a passphrase; ends with a newline, which ssh asks for. */
export function formatOpenSshPrivateKey(key: KeyObject, comment: string): string {
  const { type, blob } = publicKeyOf(key);
  const check = randomBytes(4);
  const section = new SshWriter().raw(check).raw(check).string(type);
  writePrivateFields(section, type, key.export({ format: "jwk" }));
  const fields = section.string(comment).done();
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (BLOCK - (fields.length % BLOCK)) % BLOCK);
  const file = new SshWriter()
    .raw(Buffer.from(MAGIC, "latin1"))
    .string("none")
    .string("none")
    .string("")
    .u32(1)
    .string(blob)
    .string(Buffer.concat([fields, padding]))
    .done();
  const lines = file.toString("base64").match(/.{1,70}/g) ?? [];
  return [BEGIN, ...lines, END, ""].join("\n");
}

function bytes(value: string | undefined): Buffer {
  return Buffer.from(value ?? "", "base64url");
}

function writePrivateFields(writer: SshWriter, type: KeyType, jwk: JsonWebKey): void {
  if (type === "ssh-ed25519") {
    writer.string(bytes(jwk.x)).string(Buffer.concat([bytes(jwk.d), bytes(jwk.x)]));
  } else if (type === "ssh-rsa") {
    for (const value of [jwk.n, jwk.e, jwk.d, jwk.qi, jwk.p, jwk.q]) writer.mpint(bytes(value));
  } else {
    const point = Buffer.concat([Buffer.of(4), bytes(jwk.x), bytes(jwk.y)]);
    writer.string(curveOf(type).ssh).string(point).mpint(bytes(jwk.d));
  }
}
