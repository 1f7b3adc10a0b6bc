import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { SshFormatError, SshReader, SshWriter } from "./bytes.ts";
import { publicKeyOf } from "./key.ts";
import type { KeyType } from "./key.ts";
import { formatPkcs8, generatePrivateKey } from "./private-key.ts";
import { rawSignature, signatureAlgorithmsFor, signData, verifySignature } from "./signature.ts";
import type { SignatureAlgorithm } from "./signature.ts";

const KEYS = {
  ed25519: generatePrivateKey("Ed25519"),
  p256: generatePrivateKey("ECDSAP256"),
  p384: generatePrivateKey("ECDSAP384"),
  p521: generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  rsa: generatePrivateKey("RSA3072"),
};
const ALGORITHMS: readonly SignatureAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-256",
  "rsa-sha2-512",
];
const DATA = Buffer.from("what is signed");

function algorithmsOf(type: KeyType): readonly SignatureAlgorithm[] {
  return signatureAlgorithmsFor(type);
}

for (const [name, key] of Object.entries(KEYS)) {
  const publicKey = publicKeyOf(key);
  for (const algorithm of ALGORITHMS) {
    const fits = algorithmsOf(publicKey.type).includes(algorithm);
    test(`signData ${fits ? "signs" : "refuses to sign"} with ${algorithm} for ${name}`, () => {
      if (!fits) {
        assert.throws(() => signData(key, DATA, algorithm), SshFormatError);
        return;
      }
      const signature = signData(key, DATA, algorithm);
      assert.equal(verifySignature(publicKey, DATA, signature), true);
      assert.equal(verifySignature(publicKey, Buffer.from("other"), signature), false);
      assert.equal(verifySignature(publicKey, DATA, signature, [algorithm]), true);
      assert.equal(verifySignature(publicKey, DATA, signature, []), false);
    });
  }

  test(`verifySignature is false for any changed byte: ${name}`, () => {
    const [algorithm = "ssh-ed25519"] = algorithmsOf(publicKey.type);
    const signature = signData(key, DATA, algorithm);
    fc.assert(
      fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const forged = Buffer.from(signature);
        forged[at] = (forged[at] ?? 0) ^ change;
        assert.equal(verifySignature(publicKey, DATA, forged), false);
      }),
    );
  });

  test(`verifySignature is false for any bytes: ${name}`, () => {
    fc.assert(
      fc.property(fc.constantFrom(...ALGORITHMS), fc.uint8Array({ maxLength: 200 }), (algorithm, raw) => {
        assert.equal(verifySignature(publicKey, DATA, raw), false);
        assert.equal(
          verifySignature(publicKey, DATA, new SshWriter().string(algorithm).string(raw).done()),
          false,
        );
      }),
    );
  });
}

test("verifySignature is false for another key of the same type", () => {
  const signature = signData(KEYS.ed25519, DATA, "ssh-ed25519");
  assert.equal(verifySignature(publicKeyOf(generatePrivateKey("Ed25519")), DATA, signature), false);
});

test("verifySignature is false for a SHA-1 signature of an RSA key", () => {
  const raw = sign("sha1", DATA, KEYS.rsa);
  assert.equal(
    verifySignature(publicKeyOf(KEYS.rsa), DATA, new SshWriter().string("ssh-rsa").string(raw).done()),
    false,
  );
  assert.equal(
    verifySignature(publicKeyOf(KEYS.rsa), DATA, new SshWriter().string("rsa-sha2-256").string(raw).done()),
    false,
  );
});

test("verifySignature is false for an allowed algorithm that is not the signature's", () => {
  const signature = signData(KEYS.rsa, DATA, "rsa-sha2-256");
  assert.equal(verifySignature(publicKeyOf(KEYS.rsa), DATA, signature, ["rsa-sha2-512"]), false);
});

test("verifySignature is false with trailing bytes, inside and outside", () => {
  const reader = new SshReader(signData(KEYS.p256, DATA, "ecdsa-sha2-nistp256"));
  const [name, raw] = [reader.string(), reader.string()];
  const publicKey = publicKeyOf(KEYS.p256);
  const outside = new SshWriter().string(name).string(raw).u8(0).done();
  const inside = new SshWriter()
    .string(name)
    .string(Buffer.concat([raw, Buffer.of(0)]))
    .done();
  assert.equal(verifySignature(publicKey, DATA, outside), false);
  assert.equal(verifySignature(publicKey, DATA, inside), false);
});

test("verifySignature takes RSA signatures whose leading zeros were dropped, as OpenSSH does", () => {
  for (let i = 0; i < 5000; i++) {
    const data = Buffer.from(String(i));
    const raw = rawSignature(KEYS_SMALL, data, "rsa-sha2-256");
    if (raw[0] !== 0) continue;
    const short = new SshWriter().string("rsa-sha2-256").string(raw.subarray(1)).done();
    assert.equal(verifySignature(publicKeyOf(KEYS_SMALL), data, short), true);
    return;
  }
  assert.fail("no signature with a leading zero in 5,000");
});
const KEYS_SMALL = createPrivateKey(
  formatPkcs8(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey),
);
