/**
 * Signatures in SSH's form: string algorithm, string signature.
 *
 * Which algorithm a key may use is closed here, per key type; a signature by
 * another one is no signature. SHA-1 ("ssh-rsa" as an algorithm) has no name.
 */
import { sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { SshFormatError, SshReader, SshWriter } from "./bytes.ts";
import { curveOf, publicKeyOf } from "./key.ts";
import type { KeyType, SshPublicKey } from "./key.ts";

/** Names of RFC 8709, RFC 5656 and RFC 8332. */
export type SignatureAlgorithm = Exclude<KeyType, "ssh-rsa"> | "rsa-sha2-256" | "rsa-sha2-512";

const RSA_ALGORITHMS: readonly SignatureAlgorithm[] = ["rsa-sha2-512", "rsa-sha2-256"];

/** The algorithms a key of this type may sign with, the preferred one first. */
export function signatureAlgorithmsFor(type: KeyType): readonly SignatureAlgorithm[] {
  return type === "ssh-rsa" ? RSA_ALGORITHMS : [type];
}

/**
 * True only if `signature` is one by this key over `data`, with an algorithm
 * that fits the key and is among `allowed`. Malformed signatures and keys are
 * false, never an exception: callers have one way to refuse.
 */
export function verifySignature(
  key: SshPublicKey,
  data: Uint8Array,
  signature: Uint8Array,
  allowed: readonly SignatureAlgorithm[] = signatureAlgorithmsFor(key.type),
): boolean {
  try {
    const reader = new SshReader(signature);
    const name = reader.text(64);
    const raw = reader.string();
    reader.end();
    const algorithm = signatureAlgorithmsFor(key.type).find((a) => a === name);
    if (algorithm === undefined || !allowed.includes(algorithm)) return false;
    return verifyRaw(key, algorithm, data, raw);
  } catch (error) {
    if (error instanceof SshFormatError) return false;
    throw error;
  }
}

function verifyRaw(key: SshPublicKey, algorithm: SignatureAlgorithm, data: Uint8Array, raw: Buffer): boolean {
  switch (algorithm) {
    case "ssh-ed25519":
      return raw.length === 64 && verify(null, data, key.keyObject, raw);
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
