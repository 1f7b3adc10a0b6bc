/** Of every codec here: what was written is read back the same, and any bytes are read or refused with SshFormatError. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { SshFormatError, SshWriter } from "./bytes.ts";
import { optionString, parseCertificate, parseCertificateLine } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { formatPublicKeyLine, KEY_TYPES, parsePublicKey, parsePublicKeyLine, publicKeyOf } from "./key.ts";
import { formatOpenSshPrivateKey, formatPkcs8, generatePrivateKey, parsePrivateKey } from "./private-key.ts";
import { issueCertificate } from "./sign.ts";

const PRIVATE_KEYS = [
  generatePrivateKey("Ed25519"),
  generatePrivateKey("ECDSAP256"),
  generatePrivateKey("ECDSAP384"),
  generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  generatePrivateKey("RSA3072"),
];
const [CA] = PRIVATE_KEYS;
assert.ok(CA);
const authority = CA;

/** Only SshFormatError may come out of a parser. */
function readsOrRefuses(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof SshFormatError, String(error));
  }
}

const printable = fc.stringMatching(/^[!-~]{1,40}$/);
const principal = fc.stringMatching(/^[a-z0-9][a-z0-9@._-]{0,40}$/);
const optionName = fc.stringMatching(/^[a-z]{1,12}@[a-z.]{1,12}$/);
const options = fc.dictionary(optionName, fc.stringMatching(/^[ -~]{0,40}$/), {
  maxKeys: 6,
  noNullPrototype: true,
});
const seconds = fc.integer({ min: 0, max: 4_000_000_000 });

const requests = fc.record({
  type: fc.constantFrom("user" as const, "host" as const),
  key: fc.constantFrom(...PRIVATE_KEYS),
  keyId: printable,
  principals: fc.array(principal, { minLength: 1, maxLength: 20 }),
  serial: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  from: seconds,
  length: fc.integer({ min: 1, max: 1_000_000 }),
  criticalOptions: options,
  extensions: options,
});

/** The certificate written again from what was read of it. */
function rewrite(certificate: Certificate): Buffer {
  const { publicKey, principals, criticalOptions, extensions } = certificate;
  const list = principals.reduce((writer, one) => writer.string(one), new SshWriter()).done();
  const fields = [criticalOptions, extensions].map((map) =>
    [...map].reduce((writer, [name, data]) => writer.string(name).string(data), new SshWriter()).done(),
  );
  const nonceAt = 4 + certificate.certType.length;
  const nonce = certificate.blob.subarray(nonceAt + 4, nonceAt + 4 + certificate.blob.readUInt32BE(nonceAt));
  const writer = new SshWriter().string(certificate.certType).string(nonce);
  writer.raw(publicKey.blob.subarray(4 + publicKey.type.length)).u64(certificate.serial);
  writer
    .u32(certificate.type === "user" ? 1 : 2)
    .string(certificate.keyId)
    .string(list);
  writer.u64(certificate.validAfter).u64(certificate.validBefore);
  for (const field of fields) writer.string(field);
  return writer.string("").string(certificate.caKeyBlob).string(certificate.signature).done();
}

test("parseCertificate reads what issueCertificate was asked for, and nothing is lost", () => {
  fc.assert(
    fc.property(requests, ({ key, from, length, ...request }) => {
      const validAfter = new Date(from * 1000);
      const validBefore = new Date((from + length) * 1000);
      const publicKey = publicKeyOf(key);
      const certificate = issueCertificate(authority, { ...request, publicKey, validAfter, validBefore });
      const { type, keyId, principals, serial } = certificate;
      assert.deepEqual(
        { type, keyId, principals, serial },
        {
          type: request.type,
          keyId: request.keyId,
          principals: request.principals,
          serial: request.serial,
        },
      );
      assert.deepEqual(
        [certificate.validAfter, certificate.validBefore],
        [BigInt(from), BigInt(from + length)],
      );
      for (const [name, value] of Object.entries(request.extensions)) {
        const data = certificate.extensions.get(name);
        assert.equal(data?.length === 0 ? "" : optionString(data ?? Buffer.of()), value);
      }
      assert.deepEqual(rewrite(certificate), certificate.blob);
    }),
    { numRuns: 200 },
  );
});

test("a certificate with any bytes changed is read and written back the same, or refused with SshFormatError", () => {
  const publicKey = publicKeyOf(authority);
  const { blob } = issueCertificate(authority, {
    ...{ type: "user", publicKey, keyId: "alice", principals: ["a", "b@c"] },
    validAfter: new Date(0),
    validBefore: new Date(1000),
    extensions: { "permit-pty": "", "x@y": "z" },
  });
  const change = fc.tuple(fc.nat(blob.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(blob.length), (changes, cut) => {
      const other = Buffer.from(blob);
      for (const [at, byte] of changes) other[at] = byte;
      const bytes = cut % 4 === 0 ? other.subarray(0, cut) : other;
      readsOrRefuses(() => {
        assert.deepEqual(rewrite(parseCertificate(bytes)), bytes);
      });
    }),
    { numRuns: 2000 },
  );
});

test("any key blob is read and written back the same, or refused with SshFormatError", () => {
  const known = fc.constantFrom(...PRIVATE_KEYS.map((key) => publicKeyOf(key).blob));
  const random = fc
    .tuple(fc.constantFrom(...KEY_TYPES), fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 4 }))
    .map(([type, fields]) =>
      fields.reduce((writer, field) => writer.string(field), new SshWriter().string(type)).done(),
    );
  const flips = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
  fc.assert(
    fc.property(fc.oneof(known, random), flips, (blob, changes) => {
      const bytes = Buffer.from(blob);
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
      readsOrRefuses(() => {
        const key = parsePublicKey(bytes);
        assert.deepEqual(key.blob, bytes);
        assert.deepEqual(parsePublicKeyLine(formatPublicKeyLine(key, "comment")).blob, bytes);
        return key.keyObject;
      });
    }),
    { numRuns: 2000 },
  );
});

test("any text is a line, a private key, or refused with SshFormatError", () => {
  const files = PRIVATE_KEYS.flatMap((key) => [formatOpenSshPrivateKey(key, "c"), formatPkcs8(key)]);
  const lines = PRIVATE_KEYS.map((key) => formatPublicKeyLine(publicKeyOf(key)));
  const broken = fc
    .tuple(fc.constantFrom(...files, ...lines), fc.nat(3000), fc.string({ maxLength: 4 }))
    .map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + put.length));
  fc.assert(
    fc.property(fc.oneof(broken, fc.string({ maxLength: 200 })), (text) => {
      for (const parse of [parsePrivateKey, parsePublicKeyLine, parseCertificateLine])
        readsOrRefuses(() => parse(text));
    }),
    { numRuns: 1000 },
  );
});

test("a private key is read as it was written, in both formats", () => {
  for (const key of PRIVATE_KEYS) {
    for (const text of [formatOpenSshPrivateKey(key, "a comment"), formatPkcs8(key)])
      assert.ok(parsePrivateKey(text).equals(key));
  }
});
