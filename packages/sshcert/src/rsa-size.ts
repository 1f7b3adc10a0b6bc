/** How large an RSA key is: the one number of a key that policies ask for. */
import { bitLength, SshReader } from "./bytes.ts";
import type { SshPublicKey } from "./key.ts";

/** What keys made today have at least: NIST's 128-bit level. */
export const GOOD_RSA_BITS = 3072;

/** The bits of an RSA key's modulus; undefined for keys of other types. */
export function rsaBitsOf(key: SshPublicKey): number | undefined {
  if (key.type !== "ssh-rsa") return undefined;
  const reader = new SshReader(key.blob);
  reader.text(64);
  reader.mpint();
  return bitLength(reader.mpint());
}
