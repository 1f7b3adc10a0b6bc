import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import fc from "fast-check";

import { SshFormatError, SshWriter } from "./bytes.ts";
import {
  CERTIFICATE_ALGORITHMS,
  formatCertificateLine,
  optionString,
  parseCertificate,
  parseCertificateLine,
} from "./certificate.ts";
import { parsePublicKeyLine, publicKeyOf } from "./key.ts";
import { generatePrivateKey } from "./private-key.ts";
import { signData } from "./signature.ts";
import { issueCertificate } from "./sign.ts";
import { verifyCertificate } from "./verify.ts";

const folder = mkdtempSync(join(tmpdir(), "sshcert-cert-"));
after(() => {
  rmSync(folder, { recursive: true });
});

function sshKeygen(...options: string[]): void {
  execFileSync("ssh-keygen", ["-q", ...options]);
}
function read(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

/** In 2030; ssh-keygen takes times in UTC with a `Z`. */
const VALID = ["-V", "20300101000000Z:20300102000000Z"];
const NOW = new Date(Date.UTC(2030, 0, 1, 12));

const AUTHORITIES: readonly [string, string[]][] = [
  ["ed25519", ["-t", "ed25519"]],
  ["p256", ["-t", "ecdsa", "-b", "256"]],
  ["p384", ["-t", "ecdsa", "-b", "384"]],
  ["p521", ["-t", "ecdsa", "-b", "521"]],
  ["rsa", ["-t", "rsa", "-b", "2048"]],
];
for (const [name, options] of AUTHORITIES) {
  sshKeygen("-N", "", "-C", "", "-f", join(folder, `ca-${name}`), ...options);
  sshKeygen("-N", "", "-C", "", "-f", join(folder, `key-${name}`), ...options);
}

for (const [caName] of AUTHORITIES) {
  test(`parseCertificateLine reads what ssh-keygen signs with ${caName}`, () => {
    for (const [keyName] of AUTHORITIES) {
      const options = [
        "-O",
        "clear",
        "-O",
        "permit-pty",
        "-O",
        "force-command=ls -l",
        "-O",
        "extension:a@b=c",
      ];
      const key = join(folder, `key-${keyName}.pub`);
      sshKeygen(
        "-s",
        join(folder, `ca-${caName}`),
        "-I",
        "alice",
        "-n",
        "root@prod,x@y.z",
        "-z",
        "18446744073709551615",
        ...VALID,
        ...options,
        key,
      );
      const line = read(`key-${keyName}-cert.pub`).trim();
      const certificate = parseCertificateLine(line);
      assert.equal(certificate.type, "user");
      assert.equal(certificate.keyId, "alice");
      assert.equal(certificate.serial, 18446744073709551615n);
      assert.deepEqual(certificate.principals, ["root@prod", "x@y.z"]);
      assert.equal(certificate.validAfter, BigInt(Date.UTC(2030, 0, 1) / 1000));
      assert.equal(certificate.validBefore, BigInt(Date.UTC(2030, 0, 2) / 1000));
      assert.deepEqual([...certificate.extensions.keys()], ["a@b", "permit-pty"]);
      assert.equal(optionString(certificate.extensions.get("a@b") ?? Buffer.of()), "c");
      assert.equal(optionString(certificate.criticalOptions.get("force-command") ?? Buffer.of()), "ls -l");
      assert.deepEqual(certificate.publicKey.blob, parsePublicKeyLine(read(`key-${keyName}.pub`)).blob);
      assert.equal(formatCertificateLine(certificate), line.split(" ").slice(0, 2).join(" "));
      assert.equal(
        formatCertificateLine(certificate.blob, "c"),
        `${line.split(" ").slice(0, 2).join(" ")} c`,
      );
      const authority = parsePublicKeyLine(read(`ca-${caName}.pub`));
      const verdict = verifyCertificate(certificate, {
        type: "user",
        authorities: [authority],
        principal: "x@y.z",
        now: NOW,
        criticalOptions: ["force-command"],
      });
      assert.deepEqual(verdict, { valid: true, authority });
    }
  });
}

test("parseCertificateLine reads a host certificate of ssh-keygen", () => {
  sshKeygen(
    "-h",
    "-s",
    join(folder, "ca-ed25519"),
    "-I",
    "h",
    "-n",
    "web-1.prod",
    ...VALID,
    join(folder, "key-ed25519.pub"),
  );
  const certificate = parseCertificateLine(read("key-ed25519-cert.pub"));
  assert.equal(certificate.type, "host");
  assert.equal(certificate.extensions.size, 0);
});

// Below: certificates that ssh-keygen would not make, written field by field and signed well.

const caKey = generatePrivateKey("Ed25519");
const subject = publicKeyOf(generatePrivateKey("Ed25519"));

interface Parts {
  certType: string;
  nonce: Buffer;
  type: number;
  keyId: Buffer;
  principals: Buffer;
  critical: Buffer;
  extensions: Buffer;
  reserved: Buffer;
  authority: Buffer;
  trailing: Buffer;
}

function strings(...items: (string | Buffer)[]): Buffer {
  const writer = new SshWriter();
  for (const item of items) writer.string(item);
  return writer.done();
}

const NONE = Buffer.alloc(0);

function build(changes: Partial<Parts> = {}): Buffer {
  const parts: Parts = {
    certType: "ssh-ed25519-cert-v01@openssh.com",
    nonce: Buffer.alloc(32, 1),
    type: 1,
    keyId: Buffer.from("alice"),
    principals: strings("root@prod"),
    critical: NONE,
    extensions: strings("permit-pty", ""),
    reserved: NONE,
    authority: publicKeyOf(caKey).blob,
    trailing: NONE,
    ...changes,
  };
  const body = new SshWriter()
    .string(parts.certType)
    .string(parts.nonce)
    .raw(subject.blob.subarray(4 + subject.type.length))
    .u64(7n)
    .u32(parts.type)
    .string(parts.keyId)
    .string(parts.principals)
    .u64(0n)
    .u64(1000n)
    .string(parts.critical)
    .string(parts.extensions)
    .string(parts.reserved)
    .string(parts.authority)
    .done();
  return new SshWriter()
    .raw(body)
    .string(signData(caKey, body, "ssh-ed25519"))
    .raw(parts.trailing)
    .done();
}

/** A certificate as the signing key of the next, `levels` deep. */
function nested(levels: number): Buffer {
  let blob = build();
  for (let i = 0; i < levels; i++) blob = build({ authority: blob });
  return blob;
}

test("parseCertificate reads the certificate that the rows below change", () => {
  const certificate = parseCertificate(build());
  assert.equal(certificate.serial, 7n);
  const verdict = verifyCertificate(certificate, {
    type: "user",
    authorities: [publicKeyOf(caKey)],
    now: new Date(0),
  });
  assert.equal(verdict.valid, true);
});

const MALFORMED: readonly { name: string; blob: Buffer; why: string }[] = [
  { name: "trailing bytes", blob: build({ trailing: Buffer.of(0) }), why: "two blobs with one meaning" },
  { name: "a plain key", blob: subject.blob, why: "not a certificate" },
  {
    name: "an algorithm name as its type",
    blob: build({ certType: "rsa-sha2-512-cert-v01@openssh.com" }),
    why: "never a blob type",
  },
  {
    name: "a type that is not its key's",
    blob: build({ certType: "ssh-rsa-cert-v01@openssh.com" }),
    why: "confusion",
  },
  { name: "an unknown key type", blob: build({ certType: "ssh-dss-cert-v01@openssh.com" }), why: "never" },
  { name: "certificate type 0", blob: build({ type: 0 }), why: "neither user nor host" },
  { name: "certificate type 3", blob: build({ type: 3 }), why: "neither user nor host" },
  { name: "an empty nonce", blob: build({ nonce: NONE }), why: "chosen-prefix collisions" },
  { name: "NUL in the key id", blob: build({ keyId: Buffer.from("alice\0x") }), why: "C strings end there" },
  { name: "bad UTF-8 in the key id", blob: build({ keyId: Buffer.of(0xff) }), why: "not text" },
  { name: "NUL in a principal", blob: build({ principals: strings("root\0x") }), why: "C strings end there" },
  { name: "an empty principal", blob: build({ principals: strings("") }), why: "names nobody" },
  {
    name: "257 principals",
    blob: build({ principals: strings(...Array.from({ length: 257 }, (_, i) => `p${i}`)) }),
    why: "OpenSSH reads 256",
  },
  {
    name: "a cut-off principal list",
    blob: build({ principals: Buffer.of(0, 0, 0, 9) }),
    why: "length lies",
  },
  {
    name: "a repeated critical option",
    blob: build({ critical: strings("force-command", strings("a"), "force-command", strings("b")) }),
    why: "which one counts?",
  },
  {
    name: "critical options out of order",
    blob: build({ critical: strings("source-address", strings("a"), "force-command", strings("b")) }),
    why: "PROTOCOL.certkeys",
  },
  {
    name: "a repeated extension",
    blob: build({ extensions: strings("permit-pty", "", "permit-pty", "") }),
    why: "which one counts?",
  },
  { name: "an extension without a name", blob: build({ extensions: strings("", "") }), why: "means nothing" },
  { name: "an option without data", blob: build({ extensions: strings("permit-pty") }), why: "cut off" },
  {
    name: "a used reserved field",
    blob: build({ reserved: Buffer.of(1) }),
    why: "from a future that we do not know",
  },
  { name: "a certificate as its authority", blob: nested(1), why: "CVE-2025-49825" },
  { name: "a chain of two certificates", blob: nested(2), why: "CVE-2025-49825" },
  { name: "a chain of three certificates", blob: nested(3), why: "CVE-2025-49825" },
  { name: "an authority that is no key", blob: build({ authority: strings("ssh-dss") }), why: "never" },
  { name: "70,000 bytes", blob: build({ extensions: strings("x", Buffer.alloc(70_000)) }), why: "bounded" },
];

for (const row of MALFORMED) {
  test(`parseCertificate refuses ${row.name}`, () => {
    assert.throws(() => parseCertificate(row.blob), SshFormatError, row.why);
  });
}

test("parseCertificate parses any bytes or throws SshFormatError", () => {
  const start = build();
  const mutated = fc
    .tuple(fc.nat(start.length - 1), fc.nat(255), fc.nat(start.length))
    .map(([at, value, end]) => {
      const copy = Buffer.from(start);
      copy[at] = value;
      return at % 2 === 0 ? copy : copy.subarray(0, end);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 500 }), mutated), (bytes) => {
      try {
        assert.deepEqual(parseCertificate(bytes).blob, Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof SshFormatError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test("parseCertificate keeps its own copy of the bytes", () => {
  const input = build();
  const certificate = parseCertificate(input);
  input.fill(0);
  assert.equal(certificate.publicKey.blob.equals(subject.blob), true);
  assert.equal(certificate.signedData[3], "ssh-ed25519-cert-v01@openssh.com".length);
});

test("parseCertificateLine refuses a line that names another type", () => {
  const line = formatCertificateLine(build());
  assert.throws(() => parseCertificateLine(line.replace("ssh-ed25519-", "ssh-rsa-")), SshFormatError);
});

test("CERTIFICATE_ALGORITHMS implies one blob type and one signature per name, and no SHA-1", () => {
  assert.equal(CERTIFICATE_ALGORITHMS.has("ssh-rsa-cert-v01@openssh.com"), false);
  assert.deepEqual(CERTIFICATE_ALGORITHMS.get("rsa-sha2-512-cert-v01@openssh.com"), {
    blobType: "ssh-rsa-cert-v01@openssh.com",
    signature: "rsa-sha2-512",
  });
});

test("optionString refuses data that is not exactly one text", () => {
  for (const data of [NONE, strings("a", "b"), Buffer.of(0, 0, 0, 1), strings("a\0b")]) {
    assert.throws(() => optionString(data), SshFormatError);
  }
});

test("parseCertificate reads back whatever issueCertificate makes", () => {
  const names = fc.stringMatching(/^[a-z0-9][a-z0-9@._-]{0,40}$/);
  const request = fc.record({
    type: fc.constantFrom("user" as const, "host" as const),
    keyId: fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/),
    principals: fc.array(names, { minLength: 1, maxLength: 256 }),
    serial: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    from: fc.nat(4_000_000_000),
    seconds: fc.integer({ min: 1, max: 1_000_000 }),
    criticalOptions: fc.dictionary(names, fc.stringMatching(/^[ -~]{0,60}$/), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
    extensions: fc.dictionary(names, fc.stringMatching(/^[ -~]{0,60}$/), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  });
  fc.assert(
    fc.property(request, ({ from, seconds, ...rest }) => {
      const certificate = issueCertificate(caKey, {
        ...rest,
        publicKey: subject,
        validAfter: new Date(from * 1000),
        validBefore: new Date((from + seconds) * 1000),
      });
      assert.equal(certificate.type, rest.type);
      assert.equal(certificate.keyId, rest.keyId);
      assert.deepEqual(certificate.principals, rest.principals);
      assert.equal(certificate.serial, rest.serial);
      assert.equal(certificate.validAfter, BigInt(from));
      assert.equal(certificate.validBefore, BigInt(from + seconds));
      const options = [...certificate.extensions].map(([name, data]) => [
        name,
        data.length === 0 ? "" : optionString(data),
      ]);
      assert.deepEqual(Object.fromEntries(options), { ...rest.extensions });
      assert.deepEqual([...certificate.criticalOptions.keys()], Object.keys(rest.criticalOptions).sort());
    }),
  );
});
