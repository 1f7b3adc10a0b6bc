import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  formatCertificateLine,
  formatOpenSshPrivateKey,
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";
import {
  checkCertificate,
  checkCertificatePath,
  removeCertificate,
  writeCertificate,
} from "./certificate-file.ts";
import { KeyHelperError } from "./errors.ts";
import type { KeyHelperErrorCode } from "./errors.ts";
import { loadDeviceKey, readPublicKey } from "./key-file.ts";
import { createFile, replaceFile } from "./write-file.ts";

const root = mkdtempSync(join(tmpdir(), "teleport-files-"));
after(() => {
  rmSync(root, { recursive: true });
});
let folders = 0;

/** A folder of its own for a test. */
function newFolder(): string {
  const folder = join(root, String((folders += 1)));
  mkdirSync(folder);
  return folder;
}

function failsWith(code: KeyHelperErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof KeyHelperError && error.code === code;
}

const sshKey = generatePrivateKey("Ed25519");
const caKey = generatePrivateKey("Ed25519");

function certificateLine(
  publicKey: SshPublicKey = publicKeyOf(sshKey),
  user = "alice",
  principals = ["deploy@prod"],
): string {
  const certificate = issueCertificate(caKey, {
    type: "user",
    publicKey,
    keyId: user,
    principals,
    validAfter: new Date(0),
    validBefore: new Date(1e12),
  });
  return formatCertificateLine(certificate);
}

test("replaceFile replaces a file whole, with the mode asked for, and leaves nothing beside it", async () => {
  const folder = newFolder();
  const path = join(folder, "f");
  await replaceFile(path, "one", 0o600);
  await replaceFile(path, "two", 0o644);
  assert.equal(readFileSync(path, "utf8"), "two");
  assert.equal(statSync(path).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(folder), ["f"]);
});

test("replaceFile leaves the old file and no rest when it cannot write", async () => {
  const folder = newFolder();
  const path = join(folder, "f");
  mkdirSync(path);
  await assert.rejects(replaceFile(path, "x", 0o644), failsWith("WRITE_FAILED"));
  assert.deepEqual(readdirSync(folder), ["f"]);
  await assert.rejects(replaceFile(join(folder, "none/f"), "x", 0o644), failsWith("WRITE_FAILED"));
});

test("createFile never replaces a file, and says so", async () => {
  const folder = newFolder();
  const path = join(folder, "f");
  assert.equal(await createFile(path, "one", 0o600), true);
  assert.equal(await createFile(path, "two", 0o600), false);
  assert.equal(readFileSync(path, "utf8"), "one");
  assert.deepEqual(readdirSync(folder), ["f"]);
});

test("readPublicKey reads what ssh-keygen writes", async () => {
  const path = join(newFolder(), "id.pub");
  writeFileSync(path, `${formatPublicKeyLine(publicKeyOf(sshKey))} alice@laptop\n`);
  assert.ok((await readPublicKey(path)).blob.equals(publicKeyOf(sshKey).blob));
});

test("readPublicKey reads the key of a security key", async () => {
  const path = join(newFolder(), "id_ed25519_sk.pub");
  const line =
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIHaRsNkkgPBQip4qVQPUUjLDC8kIKo0dBNMYcTEzQf9gAAAABHNzaDo=";
  writeFileSync(path, `${line} alice@laptop\n`);
  assert.equal(formatPublicKeyLine(await readPublicKey(path)), line);
});

test("readPublicKey tells a private key, a missing file, a folder and nonsense apart", async () => {
  const folder = newFolder();
  const path = join(folder, "key");
  writeFileSync(path, formatOpenSshPrivateKey(sshKey, ""));
  await assert.rejects(readPublicKey(path), failsWith("KEY_FILE_PRIVATE"));
  await assert.rejects(readPublicKey(join(folder, "none")), failsWith("KEY_FILE_UNREADABLE"));
  await assert.rejects(readPublicKey(folder), failsWith("KEY_FILE_UNREADABLE"));
  const line = formatPublicKeyLine(publicKeyOf(sshKey));
  for (const text of [
    "",
    "hello",
    `${line}\n${line}`,
    `restrict ${line}`,
    certificateLine(),
    line.slice(0, -4),
  ]) {
    writeFileSync(path, text);
    await assert.rejects(readPublicKey(path), failsWith("KEY_FILE_INVALID"), text);
  }
});

test("loadDeviceKey makes a key that only its owner reads, and finds it again", async () => {
  const path = join(newFolder(), "state/proxy/device_key");
  const made = await loadDeviceKey(path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const found = await loadDeviceKey(path);
  assert.ok(publicKeyOf(found).blob.equals(publicKeyOf(made).blob));
});

test("loadDeviceKey gives two that start together the same key", async () => {
  const path = join(newFolder(), "device_key");
  const keys = await Promise.all(Array.from({ length: 8 }, () => loadDeviceKey(path)));
  assert.equal(new Set(keys.map((key) => publicKeyOf(key).blob.toString("hex"))).size, 1);
});

test("loadDeviceKey refuses a key that others may read, or that is none", async () => {
  const path = join(newFolder(), "device_key");
  await loadDeviceKey(path);
  chmodSync(path, 0o644);
  await assert.rejects(loadDeviceKey(path), failsWith("DEVICE_KEY_EXPOSED"));
  writeFileSync(path, "x", { mode: 0o600 });
  chmodSync(path, 0o600);
  await assert.rejects(loadDeviceKey(path), failsWith("STATE_UNUSABLE"));
  await assert.rejects(loadDeviceKey(join(path, "below/a/file")), failsWith("STATE_UNUSABLE"));
});

test("checkCertificatePath accepts a new path and an old certificate, and nothing of anybody else's", async () => {
  const folder = newFolder();
  const path = join(folder, "cert.pub");
  await checkCertificatePath(path);
  writeFileSync(path, certificateLine());
  await checkCertificatePath(path);
  for (const text of [
    formatOpenSshPrivateKey(sshKey, ""),
    formatPublicKeyLine(publicKeyOf(sshKey)),
    "notes",
  ]) {
    writeFileSync(path, text);
    await assert.rejects(checkCertificatePath(path), failsWith("CERT_PATH_TAKEN"), text);
  }
  await assert.rejects(
    checkCertificatePath(join(folder, "none/cert.pub")),
    failsWith("CERT_DIR_NOT_WRITABLE"),
  );
  await assert.rejects(checkCertificatePath(join(path, "cert.pub")), failsWith("CERT_DIR_NOT_WRITABLE"));
  await assert.rejects(checkCertificatePath(folder), failsWith("CERT_PATH_TAKEN"));
});

test("checkCertificate accepts the certificate of our key and user, and no other", () => {
  const key = publicKeyOf(sshKey);
  assert.equal(checkCertificate(certificateLine(), key, "alice").keyId, "alice");
  const other = publicKeyOf(generatePrivateKey("Ed25519"));
  const host = issueCertificate(caKey, {
    type: "host",
    publicKey: key,
    keyId: "alice",
    principals: ["web-1.prod"],
    validAfter: new Date(0),
    validBefore: new Date(1e12),
  });
  for (const line of [
    certificateLine(other),
    certificateLine(key, "bob"),
    formatCertificateLine(host),
    "x",
    "",
  ]) {
    assert.throws(() => checkCertificate(line, key, "alice"), failsWith("SERVER_PROTOCOL"), line);
  }
});

test("removeCertificate removes ours, and leaves anything else alone", async () => {
  const path = join(newFolder(), "cert.pub");
  const key = publicKeyOf(sshKey);
  assert.equal(await removeCertificate(path, key), undefined);
  await writeCertificate(path, certificateLine());
  assert.equal(statSync(path).mode & 0o777, 0o644);
  assert.equal(await removeCertificate(path, publicKeyOf(generatePrivateKey("Ed25519"))), undefined);
  assert.equal((await removeCertificate(path, key))?.keyId, "alice");
  assert.equal(await removeCertificate(path, key), undefined);
});
