import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import fc from "fast-check";

import { SshFormatError, SshWriter } from "./bytes.ts";
import { fingerprint, formatPublicKeyLine, parsePublicKey, parsePublicKeyLine, publicKeyOf } from "./key.ts";

const folder = mkdtempSync(join(tmpdir(), "sshcert-key-"));
after(() => {
  rmSync(folder, { recursive: true });
});

/** A fresh key made by the real program; returns its public line. */
function sshKeygen(name: string, ...options: string[]): string {
  execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "somebody@host", "-f", join(folder, name), ...options]);
  return readFileSync(join(folder, `${name}.pub`), "utf8");
}

const MADE: readonly { name: string; options: string[]; type: string }[] = [
  { name: "ed25519", options: ["-t", "ed25519"], type: "ssh-ed25519" },
  { name: "p256", options: ["-t", "ecdsa", "-b", "256"], type: "ecdsa-sha2-nistp256" },
  { name: "p384", options: ["-t", "ecdsa", "-b", "384"], type: "ecdsa-sha2-nistp384" },
  { name: "p521", options: ["-t", "ecdsa", "-b", "521"], type: "ecdsa-sha2-nistp521" },
  { name: "rsa", options: ["-t", "rsa", "-b", "2048"], type: "ssh-rsa" },
];

for (const row of MADE) {
  test(`parsePublicKeyLine reads a key of ssh-keygen: ${row.name}`, () => {
    const line = sshKeygen(row.name, ...row.options);
    const key = parsePublicKeyLine(line);
    assert.equal(key.type, row.type);
    assert.equal(formatPublicKeyLine(key, "somebody@host"), line.trim());
    assert.deepEqual(publicKeyOf(key.keyObject).blob, key.blob);
    assert.deepEqual(parsePublicKey(key.blob).blob, key.blob);
    const listed = execFileSync("ssh-keygen", ["-l", "-f", join(folder, `${row.name}.pub`)], {
      encoding: "utf8",
    });
    assert.equal(fingerprint(key), listed.split(" ")[1]);
    assert.equal(fingerprint(key.blob), fingerprint(key));
  });
}

// ssh-keygen -q -t ed25519 -N '' -C fixture -f k && cat k.pub
const LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZJYckW1X8qSeBLx8vOuEZGqRrrRWLxxalMnYAOz8mS fixture";
const BASE64 = LINE.split(" ")[1] ?? "";

const BAD_LINES: readonly { name: string; line: string; why: string }[] = [
  { name: "nothing", line: "", why: "an empty field is not a key" },
  { name: "a type alone", line: "ssh-ed25519", why: "no key" },
  {
    name: "options in front",
    line: `no-pty ${LINE}`,
    why: "authorized_keys options would be dropped silently",
  },
  { name: "another type", line: `ssh-rsa ${BASE64}`, why: "the line must name the blob's type" },
  { name: "two lines", line: `${LINE}\n${LINE}`, why: "the second would be taken for a comment" },
  { name: "loose base64", line: `ssh-ed25519 ${BASE64.slice(0, -1)}`, why: "two spellings of one key" },
  { name: "padding bits", line: `ssh-ed25519 ${BASE64}=`, why: "not canonical" },
  { name: "DSA", line: "ssh-dss AAAAB3NzaC1kc3M=", why: "never" },
  { name: "a private key", line: "-----BEGIN OPENSSH PRIVATE KEY-----", why: "a common slip" },
];

for (const row of BAD_LINES) {
  test(`parsePublicKeyLine refuses ${row.name}`, () => {
    assert.throws(() => parsePublicKeyLine(row.line), SshFormatError, row.why);
  });
}

function rsaBlob(bits: number, e = Buffer.of(1, 0, 1)): Buffer {
  const n = Buffer.alloc(bits / 8, 0xff);
  return new SshWriter().string("ssh-rsa").mpint(e).mpint(n).done();
}

const BAD_BLOBS: readonly { name: string; blob: Buffer; why: string }[] = [
  {
    name: "trailing bytes",
    blob: Buffer.concat([Buffer.from(BASE64, "base64"), Buffer.of(0)]),
    why: "another fingerprint",
  },
  {
    name: "a certificate",
    blob: new SshWriter().string("ssh-ed25519-cert-v01@openssh.com").done(),
    why: "never a plain key",
  },
  {
    name: "a short Ed25519 key",
    blob: new SshWriter().string("ssh-ed25519").string(Buffer.alloc(31)).done(),
    why: "fixed length",
  },
  { name: "a small RSA key", blob: rsaBlob(1024), why: "breakable" },
  { name: "a 16k RSA key", blob: rsaBlob(16_384), why: "verifying would cost milliseconds" },
  { name: "an even RSA exponent", blob: rsaBlob(2048, Buffer.of(2)), why: "not an RSA key" },
  { name: "RSA exponent 1", blob: rsaBlob(2048, Buffer.of(1)), why: "every message is its own signature" },
  {
    name: "the curve of another type",
    blob: new SshWriter().string("ecdsa-sha2-nistp256").string("nistp384").string(Buffer.alloc(97, 4)).done(),
    why: "algorithm confusion",
  },
  {
    name: "a compressed point",
    blob: new SshWriter().string("ecdsa-sha2-nistp256").string("nistp256").string(Buffer.alloc(33, 2)).done(),
    why: "two spellings of one key",
  },
];

for (const row of BAD_BLOBS) {
  test(`parsePublicKey refuses ${row.name}`, () => {
    assert.throws(() => parsePublicKey(row.blob), SshFormatError, row.why);
  });
}

test("parsePublicKey refuses a 16k RSA key in less than a millisecond", () => {
  const blob = rsaBlob(16_384);
  const times = Array.from({ length: 20 }, () => {
    const start = performance.now();
    assert.throws(() => parsePublicKey(blob), SshFormatError);
    return performance.now() - start;
  });
  assert.ok(Math.min(...times) < 1, `fastest of 20: ${Math.min(...times)} ms`);
});

test("SshPublicKey keyObject throws SshFormatError for a point off the curve", () => {
  const point = Buffer.alloc(65, 1);
  point[0] = 4;
  const key = parsePublicKey(
    new SshWriter().string("ecdsa-sha2-nistp256").string("nistp256").string(point).done(),
  );
  assert.throws(() => key.keyObject, SshFormatError);
});

test("parsePublicKey parses any bytes or throws SshFormatError", () => {
  const start = Buffer.from(BASE64, "base64");
  const mutated = fc
    .tuple(fc.nat(start.length - 1), fc.nat(255), fc.nat(start.length))
    .map(([at, value, length]) => {
      const copy = Buffer.from(start);
      copy[at] = value;
      return copy.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), mutated), (bytes) => {
      try {
        assert.deepEqual(parsePublicKey(bytes).blob, Buffer.from(bytes), "parsed keys are canonical");
      } catch (error) {
        assert.ok(error instanceof SshFormatError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test("publicKeyOf refuses keys that SSH has no name for", () => {
  assert.throws(() => publicKeyOf(generateKeyPairSync("x25519").publicKey), SshFormatError);
  assert.throws(
    () => publicKeyOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey),
    SshFormatError,
  );
});

test("formatPublicKeyLine refuses a comment of two lines", () => {
  assert.throws(() => formatPublicKeyLine(parsePublicKeyLine(LINE), "a\nssh-rsa x"), SshFormatError);
});
