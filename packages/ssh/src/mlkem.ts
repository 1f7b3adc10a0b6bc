/**
 * The hybrid key exchange mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex):
 * ML-KEM-768 and X25519 side by side, so that breaking one of them is not enough.
 *
 * Only the arithmetic is here: bytes in, bytes out. Who sends what when is in
 * key-exchange.ts. node:crypto does the work; nothing here is our own mathematics.
 */
import {
  createHash,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
} from "node:crypto";
import type { KeyObject } from "node:crypto";

import { SshError } from "./errors.ts";

const ENCAPSULATION_KEY_BYTES = 1184;
const CIPHERTEXT_BYTES = 1088;
const X25519_BYTES = 32;

/** One side's answer: what goes on the wire and the shared secret K. */
export interface HybridReply {
  readonly message: Buffer;
  readonly secret: Buffer;
}

/** A client's half of one exchange: `message` is C_INIT, `finish` turns S_REPLY into K. */
export interface HybridClient {
  readonly message: Buffer;
  finish(reply: Buffer): Buffer;
}

interface PublicJwk {
  readonly x?: string;
  readonly pub?: string;
}

function rawX25519(key: KeyObject): Buffer {
  return Buffer.from((key.export({ format: "jwk" }) as PublicJwk).x ?? "", "base64url");
}

function x25519Secret(privateKey: KeyObject, peer: Buffer): Buffer {
  const key = { kty: "OKP", crv: "X25519", x: peer.toString("base64url") };
  // Throws on the all-zero result of a low-order point (RFC 8731, section 3).
  return diffieHellman({ privateKey, publicKey: createPublicKey({ key, format: "jwk" }) });
}

/** K = SHA-256(K_PQ || K_CL), a string and not an mpint in the exchange hash. */
function combine(postQuantum: Buffer, classical: Buffer): Buffer {
  return createHash("sha256").update(postQuantum).update(classical).digest();
}

/** Starts an exchange as the client. */
export function startHybrid(): HybridClient {
  const kem = generateKeyPairSync("ml-kem-768");
  const curve = generateKeyPairSync("x25519");
  const pub = Buffer.from((kem.publicKey.export({ format: "jwk" }) as PublicJwk).pub ?? "", "base64url");
  return {
    message: Buffer.concat([pub, rawX25519(curve.publicKey)]),
    finish(reply) {
      if (reply.length !== CIPHERTEXT_BYTES + X25519_BYTES) {
        throw new SshError("SSH_PROTOCOL", "the server's ML-KEM reply has the wrong length");
      }
      const shared = decapsulate(kem.privateKey, reply.subarray(0, CIPHERTEXT_BYTES));
      return combine(shared, x25519Secret(curve.privateKey, reply.subarray(CIPHERTEXT_BYTES)));
    },
  };
}

/** Answers a client's C_INIT. @throws SshError or node's own error when it is no valid key pair. */
export function answerHybrid(init: Buffer): HybridReply {
  if (init.length !== ENCAPSULATION_KEY_BYTES + X25519_BYTES) {
    throw new SshError("SSH_PROTOCOL", "the client's ML-KEM key has the wrong length");
  }
  const pub = init.subarray(0, ENCAPSULATION_KEY_BYTES).toString("base64url");
  // FIPS 203, section 7.2: the import refuses a key whose coefficients are not reduced.
  const kem = createPublicKey({ key: { kty: "AKP", alg: "ML-KEM-768", pub }, format: "jwk" });
  const curve = generateKeyPairSync("x25519");
  const { sharedKey, ciphertext } = encapsulate(kem);
  const classical = x25519Secret(curve.privateKey, init.subarray(ENCAPSULATION_KEY_BYTES));
  return {
    message: Buffer.concat([ciphertext, rawX25519(curve.publicKey)]),
    secret: combine(sharedKey, classical),
  };
}
