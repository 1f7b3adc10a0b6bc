/**
 * The two keys: the person's SSH public key, which is only read, and this
 * machine's device key, which is made at the first start and never leaves.
 */
import type { KeyObject } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import {
  formatOpenSshPrivateKey,
  generatePrivateKey,
  parsePrivateKey,
  parsePublicKeyLine,
} from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";
import { KeyHelperError, systemReason } from "./errors.ts";
import { createFile, isCode, readBeginning } from "./write-file.ts";

/** The largest public key of interest, an RSA key of 16,384 bits with a long comment, is shorter. */
const MAX_KEY_FILE_BYTES = 16 * 1024;

/** Reads the public key to certify. Of a private key no more than its first line is read. */
export async function readPublicKey(path: string): Promise<SshPublicKey> {
  const beginning = await readKeyText(path, "-----BEGIN OPENSSH PRIVATE KEY".length);
  if (beginning.startsWith("-----BEGIN")) {
    throw new KeyHelperError("KEY_FILE_PRIVATE", `${path} is not a public key but a private one`);
  }
  const text = await readKeyText(path, MAX_KEY_FILE_BYTES);
  try {
    const key = parsePublicKeyLine(text.trim());
    // Imports the numbers: what only looks like a key is found here, not by the server.
    if (key.keyObject.type === "public") return key;
  } catch {
    // Below.
  }
  throw new KeyHelperError("KEY_FILE_INVALID", `${path} is not an OpenSSH public key`);
}

async function readKeyText(path: string, bytes: number): Promise<string> {
  try {
    const text = await readBeginning(path, bytes);
    if (text !== undefined) return text;
  } catch (cause) {
    throw new KeyHelperError("KEY_FILE_UNREADABLE", `cannot read ${path}: ${systemReason(cause)}`, { cause });
  }
  throw new KeyHelperError("KEY_FILE_UNREADABLE", `cannot read ${path}: no such file`);
}

/** The device key at `path`; made there, readable by its owner only, when there is none. */
export async function loadDeviceKey(path: string): Promise<KeyObject> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new KeyHelperError("STATE_UNUSABLE", `cannot make ${folder}: ${systemReason(cause)}`, { cause });
  }
  return (await readDeviceKey(path)) ?? makeDeviceKey(path);
}

async function readDeviceKey(path: string): Promise<KeyObject | undefined> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new KeyHelperError("DEVICE_KEY_EXPOSED", `others may read ${path}`);
    }
    return parsePrivateKey(await readFile(path, "utf8"));
  } catch (cause) {
    if (isCode(cause, "ENOENT")) return undefined;
    if (cause instanceof KeyHelperError) throw cause;
    throw new KeyHelperError("STATE_UNUSABLE", `cannot use ${path}: ${systemReason(cause)}`, { cause });
  }
}

async function makeDeviceKey(path: string): Promise<KeyObject> {
  const key = generatePrivateKey("Ed25519");
  const made = await createFile(path, formatOpenSshPrivateKey(key, "teleport-key-helper device key"), 0o600);
  if (made) return key;
  // Another key-helper was faster: it is the same machine, and its key is this machine's.
  const other = await readDeviceKey(path);
  if (other === undefined) throw new KeyHelperError("STATE_UNUSABLE", `${path} comes and goes`);
  return other;
}
