/**
 * Which host a client accepts: one of pinned plain keys, or a host certificate
 * of given authorities for a given name. Nothing else, and never on first use.
 */
import {
  CERTIFICATE_ALGORITHMS,
  fingerprint,
  parseCertificate,
  parsePublicKey,
  isSecurityKeyType,
  signatureAlgorithmsFor,
  verifyCertificate,
  verifySignature,
} from "@teleport-access/sshcert";
import type { SignatureAlgorithm, SshPublicKey } from "@teleport-access/sshcert";

import { SshError } from "./errors.ts";

/** What makes the host the right one. */
export type HostTrust =
  | { readonly pins: readonly SshPublicKey[] }
  | { readonly authorities: readonly SshPublicKey[]; readonly hostname: string };

type Judgement = { readonly key: SshPublicKey } | { readonly refused: string };

/** A host whose key is in a security key would wait for a touch at each connection: there are none. */
const HOST_CERTIFICATES: readonly string[] = [...CERTIFICATE_ALGORITHMS]
  .filter(([, { signature }]) => !isSecurityKeyType(signature))
  .map(([name]) => name);

export class HostVerifier {
  readonly #trust: HostTrust;
  readonly #now: () => number;
  #accepted: { readonly blob: Buffer; readonly key: SshPublicKey } | undefined;
  /** Why the host was refused, once it was. */
  refusal: SshError | undefined;

  constructor(trust: HostTrust, now: () => number) {
    this.#trust = trust;
    this.#now = now;
  }

  /** The algorithms to ask the server for: only those that can be accepted. */
  algorithms(): readonly string[] {
    if (!("pins" in this.#trust)) return HOST_CERTIFICATES;
    const types = new Set(this.#trust.pins.map((pin) => pin.type));
    return [...types].flatMap((type) => signatureAlgorithmsFor(type));
  }

  /** Judges a host key blob. Only `true` accepts; a re-key must show the same blob again. */
  accept(blob: Buffer): boolean {
    if (this.#accepted !== undefined) {
      if (this.#accepted.blob.equals(blob)) return true;
      return this.#refuse("the host key changed while connected");
    }
    const judgement = this.#judge(blob);
    if ("refused" in judgement) return this.#refuse(judgement.refused);
    this.#accepted = { blob: Buffer.from(blob), key: judgement.key };
    return true;
  }

  #refuse(why: string): false {
    this.refusal = new SshError("SSH_HOST_KEY_MISMATCH", why);
    return false;
  }

  #judge(blob: Buffer): Judgement {
    try {
      return "pins" in this.#trust
        ? judgePin(blob, this.#trust.pins)
        : this.#judgeCertificate(blob, this.#trust);
    } catch (error) {
      return { refused: `host key is malformed: ${error instanceof Error ? error.message : String(error)}` };
    }
  }

  #judgeCertificate(
    blob: Buffer,
    trust: { authorities: readonly SshPublicKey[]; hostname: string },
  ): Judgement {
    const certificate = parseCertificate(blob);
    const verdict = verifyCertificate(certificate, {
      type: "host",
      authorities: trust.authorities,
      principal: trust.hostname,
      now: new Date(this.#now()),
    });
    if (!verdict.valid)
      return { refused: `host certificate for ${JSON.stringify(trust.hostname)}: ${verdict.reason}` };
    return { key: certificate.publicKey };
  }

  /** The host's signature over an exchange hash, by the key that was accepted. */
  verify(exchangeHash: Buffer, signature: Buffer, algorithm: string): boolean {
    const key = this.#accepted?.key;
    if (key === undefined) return false;
    return verifySignature(key, exchangeHash, signature, [algorithm as SignatureAlgorithm]);
  }
}

function judgePin(blob: Buffer, pins: readonly SshPublicKey[]): Judgement {
  const key = parsePublicKey(blob);
  if (pins.some((pin) => pin.blob.equals(key.blob))) return { key };
  return { refused: `host key ${fingerprint(key)} is not one of the ${pins.length} pinned` };
}
