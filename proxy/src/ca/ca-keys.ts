/**
 * The user CA's keys, as the operator mounts them: `ca.key` signs, all lines of `ca.pub` count. Read
 * again when the mounted directory changes; a broken pair leaves the last good one in force.
 */
import type { KeyObject } from "node:crypto";
import { parsePrivateKey, parsePublicKeyLine, publicKeyOf } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";
import { ProxyError } from "../errors.ts";

/** A usable user CA. */
export interface CaKeys {
  readonly active: KeyObject;
  /** The active key first; two while the CA rotates. */
  readonly publicKeys: readonly SshPublicKey[];
}

/** At most as many keys as a rotation needs, and some room. */
const MAX_KEYS = 8;

/** Reads a pair. Throws ProxyError KEY_UNUSABLE with what is wrong; never quotes the key. */
export function parseCaKeys(privateKey: string, publicKeys: string): CaKeys {
  const active = parsed("ca.key", () => parsePrivateKey(privateKey));
  const lines = publicKeys.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.length === 0 || lines.length > MAX_KEYS) {
    throw new ProxyError("KEY_UNUSABLE", `ca.pub: has ${lines.length} keys, not 1 to ${MAX_KEYS}`);
  }
  const keys = lines.map((line, index) => parsed(`ca.pub line ${index + 1}`, () => parsePublicKeyLine(line)));
  const own = publicKeyOf(active);
  // Certificates signed with a key that nobody was told to trust would all be refused.
  if (!keys.some((key) => key.blob.equals(own.blob))) {
    throw new ProxyError("KEY_UNUSABLE", "ca.pub: does not list the key of ca.key");
  }
  return { active, publicKeys: [own, ...keys.filter((key) => !key.blob.equals(own.blob))] };
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProxyError("KEY_UNUSABLE", `${what}: ${why}`, { cause });
  }
}
