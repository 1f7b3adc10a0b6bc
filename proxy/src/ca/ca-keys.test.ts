import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatPkcs8, formatPublicKeyLine, generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import { ProxyError } from "../errors.ts";
import { parseCaKeys } from "./ca-keys.ts";

const ACTIVE = generatePrivateKey("Ed25519");
const NEXT = generatePrivateKey("Ed25519");
const KEY = formatPkcs8(ACTIVE);
const LINE = formatPublicKeyLine(publicKeyOf(ACTIVE));
const NEXT_LINE = formatPublicKeyLine(publicKeyOf(NEXT));

function refusal(message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof ProxyError && error.code === "KEY_UNUSABLE" && message.test(error.message);
}

describe("parseCaKeys()", () => {
  test("parseCaKeys() puts the signing key first, however the lines stand", () => {
    const keys = parseCaKeys(KEY, `${NEXT_LINE}\n${LINE}\n`);
    assert.deepEqual(
      keys.publicKeys.map((key) => formatPublicKeyLine(key)),
      [LINE, NEXT_LINE],
    );
  });

  test("parseCaKeys() refuses a key that nobody was told to trust", () => {
    assert.throws(() => parseCaKeys(KEY, NEXT_LINE), refusal(/ca\.pub: does not list the key of ca\.key/));
  });

  test("parseCaKeys() refuses what is no key, names the file, and never quotes the key", () => {
    assert.throws(() => parseCaKeys("secret rubbish", LINE), refusal(/^ca\.key: (?!.*secret)/));
    assert.throws(() => parseCaKeys(KEY, `${LINE}\nnot a key`), refusal(/^ca\.pub line 2: /));
    assert.throws(() => parseCaKeys(KEY, "\n"), refusal(/ca\.pub: has 0 keys/));
  });
});
