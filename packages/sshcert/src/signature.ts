/**
 * Signatures in SSH's form: string algorithm, string signature; a security key adds flags and a counter.
 *
 * Which algorithm a key may use is closed here, per key type; a signature by
 * another one is no signature. SHA-1 ("ssh-rsa" as an algorithm) has no name.
 */
import { createHash, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { SshFormatError, SshReader, SshWriter } from "./bytes.ts";
import { curveOf, isSecurityKeyType, publicKeyOf } from "./key.ts";
import type { KeyType, SshPublicKey } from "./key.ts";

/** Names of RFC 8709, RFC 5656, RFC 8332 and PROTOCOL.u2f. */
export type SignatureAlgorithm = Exclude<KeyType, "ssh-rsa"> | "rsa-sha2-256" | "rsa-sha2-512";

const RSA_ALGORITHMS: readonly SignatureAlgorithm[] = ["rsa-sha2-512", "rsa-sha2-256"];

/** The algorithms a key of this type may sign with, the preferred one first. */
export function signatureAlgorithmsFor(type: KeyType): readonly SignatureAlgorithm[] {
  return type === "ssh-rsa" ? RSA_ALGORITHMS : [type];
}

/** What a security key said when it signed; its signature covers both. */
export interface SecurityKeyFacts {
  /** Whether the owner was asked for a PIN or a finger, not for a touch alone. */
  readonly userVerified: boolean;
  /** Counts the signatures, on most devices: one that goes back was made by a copy. */
  readonly counter: number;
}

/** A good signature, with what a security key said in it, or why it is none. */
export type SignatureVerdict =
  | { readonly good: true; readonly securityKey?: SecurityKeyFacts }
  | {
      readonly good: false;
      /** `not-touched`: a security key signed, but says that nobody touched it. */
      readonly reason: "bad-signature" | "not-touched";
    };

const BAD: SignatureVerdict = { good: false, reason: "bad-signature" };

/** Bits of the flags byte (WebAuthn, section 6.1). */
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;

/** True only if `checkSignature` finds it good. */
export function verifySignature(
  key: SshPublicKey,
  data: Uint8Array,
  signature: Uint8Array,
  allowed: readonly SignatureAlgorithm[] = signatureAlgorithmsFor(key.type),
): boolean {
  return checkSignature(key, data, signature, allowed).good;
}

/**
 * Good only if `signature` is one by this key over `data`, with an algorithm
 * that fits the key and is among `allowed`; of a security key, only if somebody
 * touched it (CVE-2026-39831). Malformed signatures and keys are bad, never an
 * exception: callers have one way to refuse.
 */
export function checkSignature(
  key: SshPublicKey,
  data: Uint8Array,
  signature: Uint8Array,
  allowed: readonly SignatureAlgorithm[] = signatureAlgorithmsFor(key.type),
): SignatureVerdict {
  try {
    const reader = new SshReader(signature);
    const name = reader.text(64);
    const algorithm = signatureAlgorithmsFor(key.type).find((a) => a === name);
    if (algorithm === undefined || !allowed.includes(algorithm)) return BAD;
    const raw = reader.string();
    if (isSecurityKeyType(algorithm)) return checkSecurityKey(key, data, raw, reader);
    reader.end();
    return verifyRaw(key, algorithm, data, raw) ? { good: true } : BAD;
  } catch (error) {
    if (error instanceof SshFormatError) return BAD;
    throw error;
  }
}

/** PROTOCOL.u2f, "SSH U2F signatures": what is signed is made of hashes, and the device's own flags and counter. */
function checkSecurityKey(
  key: SshPublicKey,
  data: Uint8Array,
  raw: Buffer,
  reader: SshReader,
): SignatureVerdict {
  const device = reader.raw(5);
  reader.end();
  const signed = Buffer.concat([sha256(key.application ?? ""), device, sha256(data)]);
  const good =
    key.type === "sk-ssh-ed25519@openssh.com"
      ? verifyEd25519(key, signed, raw)
      : verifyEcdsa(key, signed, raw);
  if (!good) return BAD;
  const flags = device.readUInt8(0);
  if ((flags & USER_PRESENT) === 0) return { good: false, reason: "not-touched" };
  const userVerified = (flags & USER_VERIFIED) !== 0;
  return { good: true, securityKey: { userVerified, counter: device.readUInt32BE(1) } };
}

function sha256(data: Uint8Array | string): Buffer {
  return createHash("sha256").update(data).digest();
}

function verifyEd25519(key: SshPublicKey, data: Uint8Array, raw: Buffer): boolean {
  return raw.length === 64 && verify(null, data, key.keyObject, raw);
}

function verifyRaw(key: SshPublicKey, algorithm: SignatureAlgorithm, data: Uint8Array, raw: Buffer): boolean {
  switch (algorithm) {
    case "ssh-ed25519":
      return verifyEd25519(key, data, raw);
    case "rsa-sha2-256":
    case "rsa-sha2-512":
      return verifyRsa(key, algorithm, data, raw);
    default:
      return verifyEcdsa(key, data, raw);
  }
}

function verifyRsa(key: SshPublicKey, algorithm: SignatureAlgorithm, data: Uint8Array, raw: Buffer): boolean {
  const size = Math.ceil((key.keyObject.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  if (raw.length === 0 || raw.length > size) return false;
  // Some signers drop leading zeros; OpenSSH pads them back (ssh-rsa.c), and so do we.
  const padded = Buffer.concat([Buffer.alloc(size - raw.length), raw]);
  return verify(algorithm === "rsa-sha2-512" ? "sha512" : "sha256", data, key.keyObject, padded);
}

function verifyEcdsa(key: SshPublicKey, data: Uint8Array, raw: Buffer): boolean {
  const { hash, size } = curveOf(key.type);
  const reader = new SshReader(raw);
  const r = reader.mpint(size * 8);
  const s = reader.mpint(size * 8);
  reader.end();
  const fixed = Buffer.alloc(2 * size);
  r.copy(fixed, size - r.length);
  s.copy(fixed, 2 * size - s.length);
  return verify(hash, data, { key: key.keyObject, dsaEncoding: "ieee-p1363" }, fixed);
}

/** Signs and returns the whole signature blob. @throws SshFormatError when the algorithm is not one of the key's. */
export function signData(privateKey: KeyObject, data: Uint8Array, algorithm: SignatureAlgorithm): Buffer {
  return new SshWriter()
    .string(algorithm)
    .string(rawSignature(privateKey, data, algorithm))
    .done();
}

/** Signs and returns only the inner field, in SSH's encoding for the algorithm. */
export function rawSignature(privateKey: KeyObject, data: Uint8Array, algorithm: SignatureAlgorithm): Buffer {
  const { type } = publicKeyOf(privateKey);
  if (!signatureAlgorithmsFor(type).includes(algorithm)) {
    throw new SshFormatError(`a key of type ${type} does not sign with ${algorithm}`);
  }
  switch (algorithm) {
    case "ssh-ed25519":
      return sign(null, data, privateKey);
    case "rsa-sha2-256":
      return sign("sha256", data, privateKey);
    case "rsa-sha2-512":
      return sign("sha512", data, privateKey);
    default:
      return signEcdsa(privateKey, data, algorithm);
  }
}

function signEcdsa(privateKey: KeyObject, data: Uint8Array, type: KeyType): Buffer {
  const { hash, size } = curveOf(type);
  const fixed = sign(hash, data, { key: privateKey, dsaEncoding: "ieee-p1363" });
  return new SshWriter().mpint(fixed.subarray(0, size)).mpint(fixed.subarray(size)).done();
}
