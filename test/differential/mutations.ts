/**
 * Ways to make a certificate wrong, or strange but right. Each has a name, which a
 * finding prints; what is drawn from `random` is decided by the seed.
 */
import { generateKeyPairSync } from "node:crypto";

import { generatePrivateKey, publicKeyOf, signData, SshReader } from "@teleport-access/sshcert";
import { createSecurityKey } from "@teleport-access/testkit";

import type { Random } from "../fuzz/random.ts";
import {
  AUTHORITIES,
  FIELDS,
  finish,
  goodDraft,
  signBy,
  signSha1,
  string,
  strings,
  SUBJECTS,
  u32,
  u64,
  UNTRUSTED,
} from "./certificate-parts.ts";
import type { Authority, Draft, Field } from "./certificate-parts.ts";

export type Mutation = (draft: Draft, random: Random, login: string) => void;

/** A field replaced by one of several values. */
function oneOf(field: Field, values: (login: string, now: bigint) => readonly Buffer[]): Mutation {
  return (draft, random, login) => {
    draft.fields[field] = random.pick(values(login, BigInt(Math.floor(draft.now / 1000))));
  };
}

function flip(bytes: Buffer, random: Random): Buffer {
  const flipped = Buffer.from(bytes);
  const at = random.int(flipped.length);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << random.int(8));
  return flipped;
}

/** The wrong length in front of a field, everything else as it was. */
function lie(field: Buffer, random: Random): Buffer {
  if (field.length < 4) return field;
  const lied = Buffer.from(field);
  const length = lied.readUInt32BE(0);
  lied.writeUInt32BE(random.pick([0, length + 1, length + 4, Math.max(length - 1, 0), 0xffff_ffff]), 0);
  return lied;
}

const OPTION_NAMES = ["force-command", "source-address", "verify-required", "permit-pty", "x@y.z", "unknown"];

function option(random: Random): Buffer[] {
  const text = random.pick(["", "/bin/true", "127.0.0.1", "10.0.0.0/8", "a".repeat(300), "\0"]);
  const value = random.pick([string(""), string(string(text)), string(text), string(strings(text, "more"))]);
  return [string(random.pick(OPTION_NAMES)), value];
}

function options(field: "criticalOptions" | "extensions"): Mutation {
  return (draft, random) => {
    const list = Array.from({ length: 1 + random.int(4) }, () => Buffer.concat(option(random)));
    // Sorted half of the time: then only the content is in question.
    if (random.once(2)) list.sort((a, b) => a.compare(b));
    draft.fields[field] = string(Buffer.concat(list));
  };
}

const SOURCES = [
  "127.0.0.1",
  "127.0.0.1/32",
  "127.0.0.0/8",
  "127.0.0.1/8",
  "10.0.0.0/8",
  "0.0.0.0/0",
  "::/0",
  "::1",
  "::ffff:127.0.0.1",
  "::ffff:127.0.0.0/104",
  "10.0.0.0/8,127.0.0.1",
  "127.0.0.1,garbage",
  "garbage,127.0.0.1",
  "127.0.0.1,",
  ",127.0.0.1",
  "127.0.0.1, 10.0.0.1",
  " 127.0.0.1",
  "127.0.0.1/33",
  "127.0.0.1/032",
  "127.0.0.1/",
  "0127.0.0.1",
  "127.1",
  "2130706433",
  "!10.0.0.0/8",
  "*",
  "127.0.0.*",
  "localhost",
  "fe80::1%lo",
  "",
];

function sourceAddress(draft: Draft, random: Random): void {
  const text = random.once(3) ? `${random.pick(SOURCES)},${random.pick(SOURCES)}` : random.pick(SOURCES);
  draft.fields.criticalOptions = string(strings("source-address", string(text)));
}

function otherAuthority(draft: Draft): void {
  draft.fields.authority = string(UNTRUSTED.blob);
  draft.sign = signBy(UNTRUSTED);
}

/** Says it is by somebody trusted, signed by somebody else. */
function stolenName(draft: Draft, random: Random): void {
  draft.fields.authority = string(random.pick(AUTHORITIES).blob);
  draft.sign = signBy(UNTRUSTED);
}

/** A certificate where the authority's key should be, good in itself (CVE-2025-49825). */
function nested(draft: Draft, random: Random, login: string): void {
  const holder = generatePrivateKey("Ed25519");
  const inner = goodDraft(random, login, draft.now);
  inner.fields.certType = string("ssh-ed25519-cert-v01@openssh.com");
  inner.fields.key = string(publicKeyOf(holder).blob.subarray(-32));
  draft.fields.authority = string(finish(inner));
  draft.sign = (signed) => string(signData(holder, signed, "ssh-ed25519"));
}

/** A security key as the authority. */
function touchedAuthority(draft: Draft): void {
  const key = createSecurityKey("Ed25519");
  draft.fields.authority = string(key.publicKey.blob);
  draft.sign = (signed) => string(key.sign(signed));
}

function signature(change: (blob: Buffer, random: Random) => Buffer): Mutation {
  return (draft, random) => {
    const { sign } = draft;
    draft.sign = (signed) => {
      const blob = sign(signed).subarray(4);
      // Emptied by another mutation: there is nothing left to change.
      return string(blob.length === 0 ? blob : change(blob, random));
    };
  };
}

const SIGNATURE_NAMES = [
  "ssh-rsa",
  "rsa-sha2-256",
  "rsa-sha2-512",
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ssh-dss",
  "ssh-ed25519-cert-v01@openssh.com",
  "sk-ssh-ed25519@openssh.com",
  "",
];

function renamedSignature(blob: Buffer, random: Random): Buffer {
  const reader = new SshReader(blob);
  reader.string();
  return Buffer.concat([string(random.pick(SIGNATURE_NAMES)), reader.raw(reader.left)]);
}

/** Another form of the same numbers, or one cut, or one with more behind it. */
function reshapedSignature(blob: Buffer, random: Random): Buffer {
  const reader = new SshReader(blob);
  const name = reader.string();
  const raw = reader.raw(reader.left).subarray(4);
  const shapes = [
    raw.subarray(1),
    raw.subarray(0, -1),
    Buffer.concat([Buffer.of(0), raw]),
    Buffer.concat([raw, Buffer.of(0)]),
    Buffer.alloc(raw.length),
    Buffer.alloc(0),
    flip(raw, random),
  ];
  return strings(name, random.pick(shapes));
}

function otherHash(draft: Draft, random: Random): void {
  const [rsa] = AUTHORITIES.filter((one) => one.name === "rsa");
  if (rsa === undefined) return;
  draft.fields.authority = string(rsa.blob);
  const with256: Authority = { ...rsa, algorithm: "rsa-sha2-256" };
  draft.sign = random.pick([signBy(with256), signSha1(rsa)]);
}

/** Numbers that are no good key: each stands for an advisory or a bug of somebody. */
function badKey(draft: Draft, random: Random): void {
  function point(size: number): Buffer {
    return Buffer.concat([Buffer.of(4), random.bytes(2 * size)]);
  }
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const good = publicKeyOf(privateKey).blob.subarray(-65);
  const compressed = Buffer.concat([Buffer.of(2 + ((good.at(-1) ?? 0) & 1)), good.subarray(1, 33)]);
  const n2048 = Buffer.concat([Buffer.of(0, 0x80), random.bytes(254), Buffer.of(1)]);
  const f4 = Buffer.of(1, 0, 1);
  const variants: readonly (readonly [string, Buffer])[] = [
    ["ecdsa-sha2-nistp256", strings("nistp256", point(32))],
    ["ecdsa-sha2-nistp256", strings("nistp256", compressed)],
    ["ecdsa-sha2-nistp256", strings("nistp256", Buffer.of(0))],
    ["ecdsa-sha2-nistp256", strings("nistp256", Buffer.concat([Buffer.of(4), Buffer.alloc(64)]))],
    ["ecdsa-sha2-nistp256", strings("nistp384", good)],
    ["ecdsa-sha2-nistp384", strings("nistp384", point(48))],
    ["ecdsa-sha2-nistp521", strings("nistp521", point(66))],
    ["ssh-ed25519", string(random.bytes(31))],
    ["ssh-ed25519", string(random.bytes(33))],
    ["ssh-ed25519", string(Buffer.alloc(32))],
    ["ssh-ed25519", string(Buffer.alloc(32, 0xff))],
    ["ssh-rsa", strings(f4, n2048)],
    ["ssh-rsa", strings(f4, Buffer.concat([Buffer.of(0), n2048]))],
    ["ssh-rsa", strings(f4, n2048.subarray(1))],
    ["ssh-rsa", strings(Buffer.of(1), n2048)],
    ["ssh-rsa", strings(Buffer.of(2), n2048)],
    ["ssh-rsa", strings(Buffer.alloc(0), n2048)],
    ["ssh-rsa", strings(random.bytes(200), n2048)],
    ["ssh-rsa", strings(f4, Buffer.concat([n2048.subarray(0, -1), Buffer.of(2)]))],
    ["ssh-rsa", strings(f4, Buffer.concat([Buffer.of(0x7f), random.bytes(126), Buffer.of(1)]))],
    ["ssh-rsa", strings(f4, Buffer.concat([Buffer.of(0x7f), random.bytes(2046), Buffer.of(1)]))],
    ["ssh-rsa", strings(f4, Buffer.alloc(0))],
    ["sk-ssh-ed25519@openssh.com", strings(random.bytes(32), "https://example.com")],
    ["sk-ssh-ed25519@openssh.com", strings(random.bytes(32), "")],
    ["sk-ssh-ed25519@openssh.com", string(random.bytes(32))],
    ["sk-ecdsa-sha2-nistp256@openssh.com", strings("nistp256", point(32), "ssh:")],
    ["ssh-dss", strings(n2048, f4, f4, f4)],
  ];
  const [type, key] = random.pick(variants);
  const certType = `${type.replace("@openssh.com", "")}-cert-v01@openssh.com`;
  draft.fields.certType = string(certType);
  draft.fields.key = key;
  draft.algorithm = type === "ssh-rsa" ? "rsa-sha2-512-cert-v01@openssh.com" : certType;
}

function algorithm(draft: Draft, random: Random): void {
  const names = SUBJECTS.flatMap((one) => [one.certType, ...one.algorithms]);
  draft.algorithm = random.pick([...names, "ssh-ed25519", "rsa-sha2-512", "ssh-rsa", "ssh-dss", "none", ""]);
}

function certType(draft: Draft, random: Random): void {
  const names = [...SUBJECTS.map((one) => one.certType), "ssh-ed25519-cert-v00@openssh.com", "ssh-ed25519"];
  draft.fields.certType = string(random.pick([...names, "rsa-sha2-512-cert-v01@openssh.com", ""]));
  if (random.once(2)) draft.algorithm = draft.fields.certType.subarray(4).toString();
}

function swapped(draft: Draft, random: Random): void {
  const at = random.int(FIELDS.length - 1);
  const [a, b] = [draft.order[at], draft.order[at + 1]];
  if (a !== undefined && b !== undefined) draft.order.splice(at, 2, b, a);
}

function repeated(draft: Draft, random: Random): void {
  const at = random.int(FIELDS.length);
  if (random.once(2)) draft.order.splice(at, 1);
  else draft.order.splice(at, 0, random.pick(FIELDS));
}

/** A bit flipped before signing: the authority's word for it, whatever it says. */
function flippedField(draft: Draft, random: Random): void {
  const field = random.pick(FIELDS);
  draft.fields[field] = flip(draft.fields[field], random);
}

function lyingLength(draft: Draft, random: Random): void {
  const field = random.pick(
    FIELDS.filter((name) => !["serial", "type", "validAfter", "validBefore"].includes(name)),
  );
  draft.fields[field] = lie(draft.fields[field], random);
}

function flippedBlob(draft: Draft, random: Random): void {
  for (let times = 1 + random.int(3); times > 0; times -= 1)
    draft.afterwards.push((blob) => flip(blob, random));
}

function cutBlob(draft: Draft, random: Random): void {
  draft.afterwards.push((blob) => blob.subarray(0, random.int(blob.length)));
}

function longerBlob(draft: Draft, random: Random): void {
  draft.afterwards.push((blob) => Buffer.concat([blob, random.bytes(1 + random.int(8))]));
}

/** Bytes of the middle taken out, or put in twice. */
function splicedBlob(draft: Draft, random: Random): void {
  draft.afterwards.push((blob) => {
    const [from, to] = [random.int(blob.length), random.int(blob.length)];
    return Buffer.concat([blob.subarray(0, from), blob.subarray(to)]);
  });
}

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  serial: oneOf("serial", () => [u64(0n), u64(1n), u64(2n ** 63n), u64(2n ** 64n - 1n)]),
  type: oneOf("type", () => [u32(0), u32(2), u32(3), u32(0x0100_0001), u32(0xffff_ffff)]),
  "key id": oneOf("keyId", () => [
    string(""),
    string("a\0b"),
    string("a".repeat(1025)),
    string(Buffer.of(0xff)),
    string("a,b"),
  ]),
  nonce: oneOf("nonce", () => [0, 1, 15, 16, 64, 1024, 1025].map((size) => string(Buffer.alloc(size, 7)))),
  principals: oneOf("principals", (login) => [
    string(""),
    string(strings("")),
    string(strings(login, "")),
    string(strings("", login)),
    string(strings("somebody")),
    string(strings("somebody", login)),
    string(strings(`${login},somebody`)),
    string(strings(`somebody,${login}`)),
    string(strings(`${login}\0`)),
    string(strings(`${login}\0somebody`)),
    string(strings(`!${login}`)),
    string(strings("*")),
    string(strings("?".repeat(login.length))),
    string(strings(login.toUpperCase())),
    string(strings(` ${login}`)),
    string(strings(login, login)),
    string(strings(login, Buffer.of(0xff, 0xfe))),
    string(Buffer.concat([strings(login), Buffer.of(0, 0)])),
    string(strings(...Array.from({ length: 255 }, (_, i) => `p${i}`), login)),
    string(strings(...Array.from({ length: 256 }, (_, i) => `p${i}`), login)),
    string(strings("a".repeat(1025), login)),
  ]),
  "valid after": oneOf("validAfter", (_login, now) =>
    [0n, now, now + 1n, now - 1n, now + 60n, now + 7200n, 2n ** 63n, 2n ** 64n - 1n].map(u64),
  ),
  "valid before": oneOf("validBefore", (_login, now) =>
    [0n, now - 60n, now - 1n, now, now + 1n, now + 60n, 2n ** 63n, 2n ** 64n - 1n].map(u64),
  ),
  "critical options": options("criticalOptions"),
  extensions: options("extensions"),
  "source address": sourceAddress,
  reserved: oneOf("reserved", () => [string("x"), string(Buffer.alloc(2000)), Buffer.alloc(3)]),
  "other authority": otherAuthority,
  "stolen name": stolenName,
  "nested certificate": nested,
  "security key as authority": touchedAuthority,
  "other hash": otherHash,
  "signature renamed": signature(renamedSignature),
  "signature reshaped": signature(reshapedSignature),
  "signature longer": signature((blob, random) => Buffer.concat([blob, random.bytes(1)])),
  "signature empty": signature(() => Buffer.alloc(0)),
  "bad key": badKey,
  algorithm,
  "type name": certType,
  "fields swapped": swapped,
  "field repeated or left out": repeated,
  "field flipped": flippedField,
  "lying length": lyingLength,
  "blob flipped": flippedBlob,
  "blob cut": cutBlob,
  "blob longer": longerBlob,
  "blob spliced": splicedBlob,
};
