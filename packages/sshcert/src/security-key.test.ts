/** Keys of FIDO security keys (PROTOCOL.u2f), with a device written out here by its definition. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { describe, test } from "node:test";

import fc from "fast-check";

import { SshFormatError, SshWriter } from "./bytes.ts";
import { CERTIFICATE_ALGORITHMS, parseCertificate } from "./certificate.ts";
import { fingerprint, formatPublicKeyLine, parsePublicKey, parsePublicKeyLine, publicKeyOf } from "./key.ts";
import type { SecurityKeyType, SshPublicKey } from "./key.ts";
import { generatePrivateKey } from "./private-key.ts";
import { issueCertificate } from "./sign.ts";
import { checkSignature, signData, verifySignature } from "./signature.ts";
import { verifyCertificate } from "./verify.ts";

const DATA = Buffer.from("what is signed");
const NOW = Date.UTC(2030, 0, 1, 12);
const caKey = generatePrivateKey("Ed25519");

function sha256(data: Uint8Array | string): Buffer {
  return createHash("sha256").update(data).digest();
}

interface Device {
  readonly type: SecurityKeyType;
  blob(application: string): Buffer;
  /** The signature field that goes into the blob, over `application || flags || counter || message`. */
  signature(signed: Buffer): Buffer;
}

const ed25519 = generateKeyPairSync("ed25519").privateKey;
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const DEVICES: readonly Device[] = [
  {
    type: "sk-ssh-ed25519@openssh.com",
    blob(application) {
      const point = publicKeyOf(ed25519).blob.subarray(-32);
      return new SshWriter().string("sk-ssh-ed25519@openssh.com").string(point).string(application).done();
    },
    signature: (signed) => sign(null, signed, ed25519),
  },
  {
    type: "sk-ecdsa-sha2-nistp256@openssh.com",
    blob(application) {
      const point = publicKeyOf(p256).blob.subarray(-65);
      const head = new SshWriter().string("sk-ecdsa-sha2-nistp256@openssh.com").string("nistp256");
      return head.string(point).string(application).done();
    },
    signature(signed) {
      const fixed = sign("sha256", signed, { key: p256, dsaEncoding: "ieee-p1363" });
      return new SshWriter().mpint(fixed.subarray(0, 32)).mpint(fixed.subarray(32)).done();
    },
  },
];

interface Said {
  readonly flags?: number;
  readonly counter?: number;
  readonly application?: string;
  readonly name?: string;
}

function signWith(device: Device, { flags = 1, counter = 7, application = "ssh:", name }: Said = {}): Buffer {
  const said = new SshWriter().u8(flags).u32(counter).done();
  const inner = device.signature(Buffer.concat([sha256(application), said, sha256(DATA)]));
  return new SshWriter()
    .string(name ?? device.type)
    .string(inner)
    .raw(said)
    .done();
}

function certify(
  publicKey: SshPublicKey,
  type: "user" | "host" = "user",
): ReturnType<typeof issueCertificate> {
  return issueCertificate(caKey, {
    type,
    publicKey,
    keyId: "alice",
    principals: ["root@prod"],
    validAfter: new Date(NOW - 60_000),
    validBefore: new Date(NOW + 60_000),
  });
}

for (const device of DEVICES) {
  describe(device.type, () => {
    const key = parsePublicKey(device.blob("ssh:"));

    test("is read, and written as ssh-keygen reads it", () => {
      assert.equal(key.type, device.type);
      assert.equal(key.application, "ssh:");
      assert.deepEqual(key.blob, device.blob("ssh:"));
      const line = formatPublicKeyLine(key, "me");
      assert.deepEqual(parsePublicKeyLine(line).blob, key.blob);
      const said = execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: `${line}\n` }).toString();
      assert.equal(said.split(" ")[1], fingerprint(key));
      assert.match(said, /\((ED25519|ECDSA)-SK\)/);
    });

    for (const application of [
      "",
      "https://example.com",
      "SSH:",
      "xssh:",
      `ssh:${"a".repeat(300)}`,
      "ssh:\u{7}",
    ]) {
      test(`is refused for the application ${JSON.stringify(application.slice(0, 24))}`, () => {
        assert.throws(() => parsePublicKey(device.blob(application)), SshFormatError);
      });
    }

    test("a signature tells whether the owner was verified, and counts", () => {
      const facts = { userVerified: false, counter: 7 };
      assert.deepEqual(checkSignature(key, DATA, signWith(device)), { good: true, securityKey: facts });
      assert.deepEqual(checkSignature(key, DATA, signWith(device, { flags: 5, counter: 0xffff_ffff })), {
        good: true,
        securityKey: { userVerified: true, counter: 0xffff_ffff },
      });
    });

    test("a signature that nobody touched the key for is none", () => {
      for (const flags of [0, 4, 0xfe]) {
        const verdict = checkSignature(key, DATA, signWith(device, { flags }));
        assert.deepEqual(verdict, { good: false, reason: "not-touched" });
        assert.equal(verifySignature(key, DATA, signWith(device, { flags })), false);
      }
    });

    test("a signature for another application, of another name, or cut is none", () => {
      const bad = { good: false, reason: "bad-signature" } as const;
      const whole = signWith(device);
      assert.deepEqual(checkSignature(key, DATA, signWith(device, { application: "ssh:x" })), bad);
      for (const name of [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
      ])
        assert.deepEqual(checkSignature(key, DATA, signWith(device, { name })), bad);
      assert.deepEqual(checkSignature(key, DATA, whole.subarray(0, -1)), bad);
      assert.deepEqual(checkSignature(key, DATA, Buffer.concat([whole, Buffer.of(0)])), bad);
      assert.deepEqual(checkSignature(key, Buffer.from("other"), whole), bad);
      assert.deepEqual(checkSignature(key, DATA, whole, []), bad);
    });

    test("any changed byte makes a signature bad: flags and counter are covered", () => {
      const whole = signWith(device, { flags: 0 });
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const forged = Buffer.from(whole);
          forged[at] = (forged[at] ?? 0) ^ change;
          assert.deepEqual(checkSignature(key, DATA, forged), { good: false, reason: "bad-signature" });
        }),
      );
    });

    test("is certified like any other, and the certificate verifies", () => {
      const certificate = certify(key);
      assert.equal(certificate.certType, device.type.replace("@", "-cert-v01@"));
      assert.equal(certificate.certType, CERTIFICATE_ALGORITHMS.get(certificate.certType)?.blobType);
      assert.deepEqual(certificate.publicKey.blob, key.blob);
      assert.equal(certificate.publicKey.application, "ssh:");
      const authorities = [publicKeyOf(caKey)];
      assert.ok(verifyCertificate(certificate, { type: "user", authorities, now: new Date(NOW) }).valid);
    });

    test("is not certified for a host", () => {
      assert.throws(() => certify(key, "host"), { code: "SSH_ISSUE", reason: "host-security-key" });
    });

    test("is no authority, even with a signature that is its own", () => {
      const good = certify(key).signedData;
      const authority = publicKeyOf(caKey).blob;
      const body = good.subarray(0, good.length - 4 - authority.length);
      const toBeSigned = new SshWriter().raw(body).string(key.blob).done();
      const said = new SshWriter().u8(1).u32(1).done();
      const inner = device.signature(Buffer.concat([sha256("ssh:"), said, sha256(toBeSigned)]));
      const signature = new SshWriter().string(device.type).string(inner).raw(said).done();
      const blob = new SshWriter().raw(toBeSigned).string(signature).done();
      assert.throws(() => parseCertificate(blob), /not signed by a plain key/);
    });
  });
}

test("a plain key's signature is none of a security key's with the same numbers", () => {
  const [device] = DEVICES;
  assert.ok(device);
  const key = parsePublicKey(device.blob("ssh:"));
  assert.equal(verifySignature(key, DATA, signData(ed25519, DATA, "ssh-ed25519")), false);
});
