/**
 * A certificate field by field, to be made wrong: every field is bytes, so that
 * it can hold what no issuer would write, and the whole is signed at the end.
 */
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { generatePrivateKey, publicKeyOf, signData, SshWriter } from "@teleport-access/sshcert";
import type { SignatureAlgorithm } from "@teleport-access/sshcert";
import { createSecurityKey } from "@teleport-access/testkit";

import type { Random } from "../fuzz/random.ts";

/** The fields in their order, the signature left out. */
export const FIELDS = [
  "certType",
  "nonce",
  "key",
  "serial",
  "type",
  "keyId",
  "principals",
  "validAfter",
  "validBefore",
  "criticalOptions",
  "extensions",
  "reserved",
  "authority",
] as const;
export type Field = (typeof FIELDS)[number];

/** Each field as it stands on the wire, its length in front included. */
export type Fields = Record<Field, Buffer>;

export interface Draft {
  /** The public key algorithm that the client names. */
  algorithm: string;
  fields: Fields;
  /** The order in which the fields are written. */
  order: Field[];
  /** Signs the fields; returns what is written behind them, its length in front included. */
  sign: (signed: Buffer) => Buffer;
  /** Applied to the finished blob. */
  afterwards: ((blob: Buffer) => Buffer)[];
  /** What the two sides are told of the moment. */
  readonly now: number;
}

export interface Authority {
  readonly name: string;
  readonly key: KeyObject;
  readonly blob: Buffer;
  readonly algorithm: SignatureAlgorithm;
}

function authority(name: string, key: KeyObject, algorithm: SignatureAlgorithm): Authority {
  return { name, key, blob: publicKeyOf(key).blob, algorithm };
}

/** What both sides trust. */
export const AUTHORITIES: readonly Authority[] = [
  authority("ed25519", generatePrivateKey("Ed25519"), "ssh-ed25519"),
  authority("p256", generatePrivateKey("ECDSAP256"), "ecdsa-sha2-nistp256"),
  authority("p384", generatePrivateKey("ECDSAP384"), "ecdsa-sha2-nistp384"),
  authority("p521", generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey, "ecdsa-sha2-nistp521"),
  authority("rsa", generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey, "rsa-sha2-512"),
];
export const UNTRUSTED: Authority = authority("untrusted", generatePrivateKey("Ed25519"), "ssh-ed25519");

/** What is certified: type name of the certificate, names it may be shown by, fields of the key. */
export interface Subject {
  readonly certType: string;
  readonly algorithms: readonly string[];
  readonly key: Buffer;
}

function subject(blob: Buffer, algorithms?: readonly string[]): Subject {
  const nameLength = blob.readUInt32BE(0);
  const name = blob.subarray(4, 4 + nameLength).toString();
  const certType = `${name.replace("@openssh.com", "")}-cert-v01@openssh.com`;
  return { certType, algorithms: algorithms ?? [certType], key: blob.subarray(4 + nameLength) };
}

const RSA = ["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"];
export const SUBJECTS: readonly Subject[] = [
  ...AUTHORITIES.slice(0, 4).map(({ key }) => subject(publicKeyOf(publicOther(key)).blob)),
  subject(publicKeyOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey).blob, RSA),
  subject(createSecurityKey("Ed25519").publicKey.blob),
  subject(createSecurityKey("ECDSAP256").publicKey.blob),
];

/** A new key of the same kind. */
function publicOther(key: KeyObject): KeyObject {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === undefined
    ? generateKeyPairSync("ed25519").privateKey
    : generateKeyPairSync("ec", { namedCurve: curve }).privateKey;
}

export function string(value: Uint8Array | string): Buffer {
  return new SshWriter().string(value).done();
}
export function strings(...values: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat(values.map(string));
}
export function u64(value: bigint): Buffer {
  return new SshWriter().u64(BigInt.asUintN(64, value)).done();
}
export function u32(value: number): Buffer {
  return new SshWriter().u32(value).done();
}

/** How an authority signs. */
export function signBy({ key, algorithm }: Authority): (signed: Buffer) => Buffer {
  return (signed) => string(signData(key, signed, algorithm));
}

/** SHA-1, which nothing of ours can make. */
export function signSha1({ key }: Authority): (signed: Buffer) => Buffer {
  return (signed) => string(strings("ssh-rsa", sign("sha1", signed, key)));
}

/** A certificate that both sides accept for the login. */
export function goodDraft(random: Random, login: string, now: number): Draft {
  const { certType, algorithms, key } = random.pick(SUBJECTS);
  const by = random.pick(AUTHORITIES);
  const seconds = BigInt(Math.floor(now / 1000));
  return {
    algorithm: random.pick(algorithms),
    fields: {
      certType: string(certType),
      nonce: string(createHash("sha256").update(String(random.u32())).digest()),
      key,
      serial: u64(BigInt(random.u32())),
      type: u32(1),
      keyId: string("alice"),
      principals: string(strings(login)),
      validAfter: u64(seconds - 60n),
      validBefore: u64(seconds + 3600n),
      criticalOptions: string(""),
      extensions: string(strings("permit-pty", "", "session@teleport-access.io", string("s-alice"))),
      reserved: string(""),
      authority: string(by.blob),
    },
    order: [...FIELDS],
    sign: signBy(by),
    afterwards: [],
    now,
  };
}

/** The blob that a draft describes. */
export function finish(draft: Draft): Buffer {
  const signed = Buffer.concat(draft.order.map((field) => draft.fields[field]));
  const blob = Buffer.concat([signed, draft.sign(signed)]);
  let bytes: Buffer = blob;
  for (const change of draft.afterwards) bytes = change(bytes);
  return bytes;
}
