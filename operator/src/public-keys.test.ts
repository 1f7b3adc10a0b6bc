import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPublicKeyLine, generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import { readKeyLines, readKeySource } from "./public-keys.ts";

const lines = Array.from({ length: 9 }, () =>
  formatPublicKeyLine(publicKeyOf(generatePrivateKey("Ed25519"))),
);
const [line = ""] = lines;

function read(given: readonly string[]): string {
  const keys = readKeyLines("spec.publicKeys", given);
  return keys.ok ? keys.lines.join() : `${keys.reason} ${keys.message}`;
}

test("readKeyLines drops comments and doubles", () => {
  assert.equal(read([`${line} somebody@somewhere`, line]), line);
});

test("readKeyLines names the field and index of a key that cannot be used", () => {
  for (const bad of [
    "",
    "ssh-ed25519",
    line.slice(0, -4),
    "ssh-dss AAAAB3NzaC1kc3M=",
    `command="x" ${line}`,
  ]) {
    assert.match(read([line, bad]), /^InvalidKey spec\.publicKeys\[1\] /, bad);
  }
});

test("readKeyLines wants 1 to 8 keys", () => {
  assert.match(read([]), /^InvalidKey spec\.publicKeys has 0 keys/);
  assert.match(read(lines), /^InvalidKey spec\.publicKeys has 9 keys/);
});

test("readKeySource reads ConfigMaps and Secrets, and says which one or which key is missing", () => {
  const source = { configMapKeyRef: { name: "keys", key: "ca.pub" } };
  function from(data: Record<string, string>): unknown {
    return readKeySource("f", source, { metadata: { name: "keys" }, data });
  }
  assert.deepEqual((from({ "ca.pub": `# comment\r\n\n${line} x\r\n` }) as { lines: string[] }).lines, [line]);
  assert.match((from({}) as { message: string }).message, /ConfigMap keys \(f\) has no key ca\.pub/);
  const missing = readKeySource("f", source, undefined);
  assert.ok(!missing.ok && missing.reason === "SourceNotFound");
  const secret = { metadata: { name: "keys" }, data: { "ca.pub": Buffer.from(line).toString("base64") } };
  const read_ = readKeySource("f", { secretKeyRef: { name: "keys", key: "ca.pub" } }, secret);
  assert.ok(read_.ok);
});
