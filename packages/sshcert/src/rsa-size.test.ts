import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { SshFormatError, SshWriter } from "./bytes.ts";
import { MAX_RSA_BITS, parsePublicKey, publicKeyOf } from "./key.ts";
import { generatePrivateKey } from "./private-key.ts";
import { rsaBitsOf } from "./rsa-size.ts";

describe("rsaBitsOf()", () => {
  for (const bits of [2048, 2050, 3072]) {
    test(`rsaBitsOf() reads ${bits} bits`, () => {
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
      assert.equal(rsaBitsOf(publicKeyOf(publicKey)), bits);
    });
  }

  test("rsaBitsOf() knows no size of other keys", () => {
    assert.equal(rsaBitsOf(publicKeyOf(generatePrivateKey("Ed25519"))), undefined);
  });
});

test("parsePublicKey() refuses RSA keys of 1024 and of more than 8192 bits before any arithmetic", () => {
  for (const bits of [1024, MAX_RSA_BITS + 8, 16_384, 32_768, 262_144]) {
    // Odd, with its highest bit set: everything but its size is right.
    const modulus = Buffer.alloc(bits / 8, 0xff);
    const blob = new SshWriter()
      .string("ssh-rsa")
      .mpint(Buffer.of(1, 0, 1))
      .mpint(modulus)
      .done();
    const started = performance.now();
    for (let n = 0; n < 10; n += 1) assert.throws(() => parsePublicKey(blob), SshFormatError);
    // A verification with 16,384 bits takes some 5 ms; ten refusals are far below one of them.
    assert.ok(performance.now() - started < 50, `${bits} bits`);
  }
});
