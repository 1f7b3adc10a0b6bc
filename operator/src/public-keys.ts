/**
 * Public keys that a spec gives, inline or by reference to a key of a ConfigMap
 * or Secret of the same namespace. Pure: the referenced object is looked up by
 * the caller. A key that cannot be used is named by its field.
 */
import { fingerprint, formatPublicKeyLine, parsePublicKeyLine } from "@teleport-access/sshcert";
import type { ConfigMap, Secret } from "./objects.ts";
import { secretText } from "./objects.ts";

/** As many as the spec's own lists may have. */
const MAX_KEYS = 8;

/** `publicKeysFrom`, `userCAKeysFrom`. */
export interface KeySource {
  readonly configMapKeyRef?: { readonly name: string; readonly key: string };
  readonly secretKeyRef?: { readonly name: string; readonly key: string };
}

export interface ObjectReference {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
}

export type KeyList =
  | { readonly ok: true; readonly lines: readonly string[]; readonly fingerprints: readonly string[] }
  | { readonly ok: false; readonly reason: "InvalidKey" | "SourceNotFound"; readonly message: string };

/** Reads key lines of `field`; comments are dropped, doubles are one. */
export function readKeyLines(field: string, lines: readonly string[]): KeyList {
  const keys = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const parsed = readKeyLine(line);
    if (parsed === undefined) {
      return {
        ok: false,
        reason: "InvalidKey",
        message: `${field}[${index}] is not an OpenSSH public key that is accepted; copy the whole line as ssh-keygen writes it`,
      };
    }
    keys.set(parsed.fingerprint, parsed.line);
  }
  if (keys.size === 0 || keys.size > MAX_KEYS) {
    return {
      ok: false,
      reason: "InvalidKey",
      message: `${field} has ${keys.size} keys; give 1 to ${MAX_KEYS}`,
    };
  }
  return { ok: true, lines: [...keys.values()], fingerprints: [...keys.keys()] };
}

/** The object that `source` names. */
export function referenceOf(source: KeySource): ObjectReference | undefined {
  if (source.configMapKeyRef !== undefined) return { kind: "ConfigMap", name: source.configMapKeyRef.name };
  if (source.secretKeyRef !== undefined) return { kind: "Secret", name: source.secretKeyRef.name };
  return undefined;
}

/** Reads the keys out of the object that `source` names; `found` is that object. */
export function readKeySource(
  field: string,
  source: KeySource,
  found: ConfigMap | Secret | undefined,
): KeyList {
  const reference = referenceOf(source);
  const key = source.configMapKeyRef?.key ?? source.secretKeyRef?.key ?? "";
  if (reference === undefined)
    return { ok: false, reason: "SourceNotFound", message: `${field} names no object` };
  const where = `${reference.kind} ${reference.name} (${field})`;
  if (found === undefined) {
    return {
      ok: false,
      reason: "SourceNotFound",
      message: `${where} does not exist; create it or correct the name`,
    };
  }
  const text = reference.kind === "Secret" ? secretText(found, key) : found.data?.[key];
  if (text === undefined) {
    return { ok: false, reason: "SourceNotFound", message: `${where} has no key ${key}` };
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.trim().startsWith("#"));
  return readKeyLines(`${where} key ${key}`, lines);
}

function readKeyLine(line: string): { readonly line: string; readonly fingerprint: string } | undefined {
  try {
    const key = parsePublicKeyLine(line.trim());
    return { line: formatPublicKeyLine(key), fingerprint: fingerprint(key) };
  } catch {
    return undefined;
  }
}
