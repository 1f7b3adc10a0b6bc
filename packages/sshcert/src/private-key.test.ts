import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import fc from "fast-check";

import { SshFormatError, SshReader, SshWriter } from "./bytes.ts";
import { formatPublicKeyLine, parsePublicKeyLine, publicKeyOf } from "./key.ts";
import { formatOpenSshPrivateKey, formatPkcs8, generatePrivateKey, parsePrivateKey } from "./private-key.ts";
import type { KeyAlgorithm } from "./private-key.ts";
import { signatureAlgorithmsFor, signData, verifySignature } from "./signature.ts";

const folder = mkdtempSync(join(tmpdir(), "sshcert-private-"));
after(() => {
  rmSync(folder, { recursive: true });
});

function sshKeygen(name: string, ...options: string[]): string {
  execFileSync("ssh-keygen", ["-q", "-C", "c", "-f", join(folder, name), ...options]);
  return readFileSync(join(folder, name), "utf8");
}

const ALGORITHMS: readonly KeyAlgorithm[] = ["Ed25519", "ECDSAP256", "ECDSAP384", "RSA3072"];

for (const algorithm of ALGORITHMS) {
  test(`formatOpenSshPrivateKey writes what ssh-keygen reads: ${algorithm}`, () => {
    const key = generatePrivateKey(algorithm);
    const path = join(folder, `ours-${algorithm}`);
    writeFileSync(path, formatOpenSshPrivateKey(key, "a comment"), { mode: 0o600 });
    const line = execFileSync("ssh-keygen", ["-y", "-f", path], { encoding: "utf8" });
    assert.equal(line.trim(), formatPublicKeyLine(publicKeyOf(key), "a comment"));
  });

  test(`parsePrivateKey reads both formats that we write: ${algorithm}`, () => {
    const key = generatePrivateKey(algorithm);
    for (const text of [formatPkcs8(key), formatOpenSshPrivateKey(key, "")]) {
      assert.ok(parsePrivateKey(text).equals(key));
    }
  });
}

const MADE: readonly [string, string[]][] = [
  ["ed25519", ["-t", "ed25519"]],
  ["p256", ["-t", "ecdsa", "-b", "256"]],
  ["p384", ["-t", "ecdsa", "-b", "384"]],
  ["p521", ["-t", "ecdsa", "-b", "521"]],
  ["rsa", ["-t", "rsa", "-b", "2048"]],
];

for (const [name, options] of MADE) {
  test(`parsePrivateKey reads a key of ssh-keygen that signs: ${name}`, () => {
    const key = parsePrivateKey(sshKeygen(name, "-N", "", ...options));
    const publicKey = parsePublicKeyLine(readFileSync(join(folder, `${name}.pub`), "utf8"));
    const [algorithm] = signatureAlgorithmsFor(publicKey.type);
    assert.ok(algorithm);
    const data = Buffer.from("data");
    assert.equal(verifySignature(publicKey, data, signData(key, data, algorithm)), true);
  });
}

test("parsePrivateKey refuses a key with a passphrase and says so", () => {
  const text = sshKeygen("locked", "-t", "ed25519", "-N", "secret words");
  assert.throws(() => parsePrivateKey(text), { name: "SshFormatError", message: /passphrase/ });
});

const good = formatOpenSshPrivateKey(generatePrivateKey("Ed25519"), "");

function rebuilt(change: (file: Buffer) => Buffer): string {
  const body = good.split("\n").slice(1, -2).join("");
  const file = change(Buffer.from(body, "base64"));
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${file.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** The public half of another key in front of ours. */
function withOtherPublicKey(file: Buffer): Buffer {
  const reader = new SshReader(file.subarray("openssh-key-v1\0".length + 3 * 4 + 8 + 4));
  reader.string();
  const section = reader.string();
  return new SshWriter()
    .raw(Buffer.from("openssh-key-v1\0"))
    .string("none")
    .string("none")
    .string("")
    .u32(1)
    .string(publicKeyOf(generatePrivateKey("Ed25519")).blob)
    .string(section)
    .done();
}

const BAD: readonly { name: string; text: string; why: string }[] = [
  { name: "nothing", text: "", why: "an empty Secret" },
  { name: "a public key", text: "ssh-ed25519 AAAA", why: "a common slip" },
  {
    name: "an encrypted PKCS#8 file",
    text: generateKeyPairSync("ed25519")
      .privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" })
      .toString(),
    why: "nobody can enter the passphrase",
  },
  {
    name: "PKCS#8 that is no key",
    text: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    why: "damage",
  },
  {
    name: "a key that is no SSH key",
    text: formatPkcs8(generateKeyPairSync("x25519").privateKey),
    why: "cannot sign",
  },
  {
    name: "a small RSA key",
    text: formatPkcs8(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey),
    why: "breakable",
  },
  { name: "a cut-off file", text: good.slice(0, 120), why: "damage" },
  { name: "bytes after the end", text: rebuilt((f) => Buffer.concat([f, Buffer.of(0)])), why: "strict" },
  { name: "wrong padding", text: rebuilt((f) => f.fill(9, f.length - 1)), why: "damage" },
  { name: "halves of two keys", text: rebuilt(withOtherPublicKey), why: "it would sign as somebody else" },
];

for (const row of BAD) {
  test(`parsePrivateKey refuses ${row.name}`, () => {
    assert.throws(() => parsePrivateKey(row.text), SshFormatError, row.why);
  });
}

test("parsePrivateKey never quotes its input in an error", () => {
  const start = Buffer.from(good);
  fc.assert(
    fc.property(fc.nat(start.length - 1), fc.nat(127), (at, value) => {
      const copy = Buffer.from(start);
      copy[at] = value;
      try {
        parsePrivateKey(copy.toString("latin1"));
      } catch (error) {
        assert.ok(error instanceof SshFormatError, String(error));
        assert.doesNotMatch(error.message, /[A-Za-z0-9+/]{30,}/);
        assert.doesNotMatch(String(error.cause), /[A-Za-z0-9+/]{30,}/);
      }
    }),
    { numRuns: 400 },
  );
});

test("generatePrivateKey makes keys that node:crypto can read back", () => {
  assert.equal(createPrivateKey(formatPkcs8(generatePrivateKey("ECDSAP384"))).asymmetricKeyType, "ec");
});
