/**
 * Fields that hold OpenSSH public keys or their fingerprints.
 */
import { ConfigError, list, string } from "@teleport-access/daemon";
import { parsePublicKeyLine, SshFormatError } from "@teleport-access/sshcert";

import { MAX_CA_KEYS, MAX_KEY_LINE_LENGTH } from "./limits.ts";

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** A public key line, checked by parsing it, the numbers included. */
export function publicKeyLine(value: unknown, field: string): string {
  const line = string(value, field, { max: MAX_KEY_LINE_LENGTH });
  try {
    const { keyObject } = parsePublicKeyLine(line);
    // Importing the numbers finds what reading them cannot, e.g. a point off its curve.
    if (keyObject.type === "public") return line;
    throw new SshFormatError("not a public key");
  } catch (cause) {
    if (!(cause instanceof SshFormatError)) throw cause;
    throw new ConfigError("CONFIG_INVALID", `${field}: is no usable OpenSSH public key: ${cause.message}`, {
      cause,
    });
  }
}

export function fingerprintText(value: unknown, field: string): string {
  return string(value, field, {
    max: 50,
    pattern: FINGERPRINT,
    description: "a fingerprint such as SHA256:…",
  });
}

export function fingerprints(value: unknown, field: string): readonly string[] {
  return list(value, field, fingerprintText, { max: MAX_CA_KEYS });
}
