/**
 * A FIDO security key made of software, for tests: it signs as the real ones do
 * (PROTOCOL.u2f of OpenSSH), is touched and unlocked on demand, and counts.
 *
 * Stock ssh uses it through a SecurityKeyProvider (security-key-provider.ts).
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { parsePublicKey, SshWriter } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";

export type SecurityKeyAlgorithm = "Ed25519" | "ECDSAP256";

/** What the owner does while the key signs. */
export interface Gesture {
  /** @default true */
  readonly touched?: boolean;
  /** PIN or finger. @default false */
  readonly verified?: boolean;
}

/** What a device answers: its own words, and a signature over them. */
export interface Assertion {
  readonly flags: number;
  readonly counter: number;
  /** Ed25519: 64 bytes. ECDSA: the two numbers, 32 bytes each. */
  readonly signature: Buffer;
}

export interface SecurityKey {
  readonly publicKey: SshPublicKey;
  readonly application: string;
  readonly algorithm: SecurityKeyAlgorithm;
  /** How often it has signed. */
  counter: number;
  /** What a device does; the two parts of the message are hashed inside. */
  assert(data: Uint8Array, gesture?: Gesture): Assertion;
  /** A whole SSH signature over `data`. */
  sign(data: Uint8Array, gesture?: Gesture): Buffer;
  /** The private key file that ssh reads: it holds no secret, only how to ask the device. */
  file(comment?: string): string;
}

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
/** Bits of the key file: the device is to ask for a touch. */
const PRESENCE_REQUIRED = 0x01;

export function createSecurityKey(algorithm: SecurityKeyAlgorithm, application = "ssh:"): SecurityKey {
  return new SoftwareKey(algorithm, application);
}

class SoftwareKey implements SecurityKey {
  readonly publicKey: SshPublicKey;
  readonly application: string;
  readonly algorithm: SecurityKeyAlgorithm;
  readonly #key: KeyObject;
  counter = 0;

  constructor(algorithm: SecurityKeyAlgorithm, application: string) {
    this.application = application;
    this.algorithm = algorithm;
    this.#key =
      algorithm === "Ed25519"
        ? generateKeyPairSync("ed25519").privateKey
        : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    this.publicKey = parsePublicKey(this.#fields().done());
  }

  assert(data: Uint8Array, { touched = true, verified = false }: Gesture = {}): Assertion {
    this.counter += 1;
    const flags = (touched ? USER_PRESENT : 0) | (verified ? USER_VERIFIED : 0);
    const device = new SshWriter().u8(flags).u32(this.counter).done();
    const message = Buffer.concat([sha256(Buffer.from(this.application)), device, sha256(data)]);
    const signature =
      this.algorithm === "Ed25519"
        ? sign(null, message, this.#key)
        : sign("sha256", message, { key: this.#key, dsaEncoding: "ieee-p1363" });
    return { flags, counter: this.counter, signature };
  }

  sign(data: Uint8Array, gesture?: Gesture): Buffer {
    const { flags, counter, signature } = this.assert(data, gesture);
    const inner =
      this.algorithm === "Ed25519"
        ? signature
        : new SshWriter().mpint(signature.subarray(0, 32)).mpint(signature.subarray(32)).done();
    return new SshWriter().string(this.publicKey.type).string(inner).u8(flags).u32(counter).done();
  }

  file(comment = "security key"): string {
    const check = randomBytes(4);
    const section = new SshWriter().raw(check).raw(check).raw(this.publicKey.blob);
    const fields = section.u8(PRESENCE_REQUIRED).string("the only key").string("").string(comment).done();
    const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (8 - (fields.length % 8)) % 8);
    const file = new SshWriter()
      .raw(Buffer.from("openssh-key-v1\0", "latin1"))
      .string("none")
      .string("none")
      .string("")
      .u32(1)
      .string(this.publicKey.blob)
      .string(Buffer.concat([fields, padding]))
      .done();
    const lines = file.toString("base64").match(/.{1,70}/g) ?? [];
    return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join(
      "\n",
    );
  }

  #fields(): SshWriter {
    const { x = "", y = "" } = this.#key.export({ format: "jwk" });
    if (this.algorithm === "Ed25519")
      return new SshWriter()
        .string("sk-ssh-ed25519@openssh.com")
        .string(Buffer.from(x, "base64url"))
        .string(this.application);
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
    return new SshWriter()
      .string("sk-ecdsa-sha2-nistp256@openssh.com")
      .string("nistp256")
      .string(point)
      .string(this.application);
  }
}

function sha256(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}
