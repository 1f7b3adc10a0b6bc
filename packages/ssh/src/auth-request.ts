/**
 * One USERAUTH_REQUEST (RFC 4252, sections 5 and 7), parsed and proven.
 *
 * `proven` is true only when packages/sshcert verified the signature, over this
 * session, with exactly the algorithm that the key's name implies. Nothing is
 * remembered from one request for another: the last key offered is not the key
 * that signed (CVE-2024-45337). What only the signature shows, a security key's
 * touch and PIN, is judged here too.
 */
import {
  CERTIFICATE_ALGORITHMS,
  checkSignature,
  parseCertificate,
  parsePublicKey,
  signatureAlgorithmsFor,
  SshReader,
  SshWriter,
  VERIFY_REQUIRED,
} from "@teleport-access/sshcert";
import type {
  Certificate,
  SecurityKeyFacts,
  SignatureAlgorithm,
  SignatureVerdict,
  SshPublicKey,
} from "@teleport-access/sshcert";

import { MAX_NAME_BYTES, MAX_TEXT_BYTES, MAX_USER_BYTES } from "./limits.ts";

/** What a peer offers to be known by. */
export type OfferedKey =
  | { readonly kind: "certificate"; readonly certificate: Certificate; readonly algorithm: string }
  | { readonly kind: "plain"; readonly publicKey: SshPublicKey; readonly algorithm: string }
  /** Unknown algorithm, SHA-1, or a blob that is not what the algorithm says. Never accepted. */
  | { readonly kind: "unsupported"; readonly algorithm: string };

export type AuthMethod = "none" | "publickey" | "password" | "keyboard-interactive" | "hostbased" | "other";

/** A question for the program: may this peer in? */
export interface AuthRequest {
  /** The SSH user name, as sent: no identity, only a wish. */
  readonly user: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The connection's id, as in SshPeer. */
  readonly connection: string;
  readonly method: AuthMethod;
  readonly key?: OfferedKey;
  /** The peer has signed for `key`. False: it only asks whether signing would be worth it. */
  readonly proven: boolean;
  /** What the security key said that signed, when one did. */
  readonly securityKey?: SecurityKeyFacts;
}

export interface ParsedRequest {
  readonly user: string;
  readonly service: string;
  readonly method: AuthMethod;
  readonly publicKey?: PublicKeyRequest;
}

export interface PublicKeyRequest {
  readonly key: OfferedKey;
  readonly blob: Buffer;
  /** Undefined: no signature was sent. */
  readonly proof: Proof | undefined;
}

/** Why a signature proves nothing. `not-verified`: the certificate asks for PIN or finger, and neither was given. */
export type ProofRefusal = "bad-signature" | "not-touched" | "not-verified";

/** Whether the peer holds the key. */
export type Proof =
  | { readonly good: true; readonly securityKey?: SecurityKeyFacts }
  | { readonly good: false; readonly reason: ProofRefusal };

const METHODS: readonly string[] = ["none", "publickey", "password", "keyboard-interactive", "hostbased"];

/** Parses USERAUTH_REQUEST. @throws SshFormatError when it is malformed: the connection ends. */
export function parseAuthRequest(payload: Buffer, sessionId: () => Buffer): ParsedRequest {
  const reader = new SshReader(payload.subarray(1));
  const user = reader.text(MAX_USER_BYTES);
  const service = reader.text(MAX_NAME_BYTES);
  const name = reader.text(MAX_NAME_BYTES);
  const method = METHODS.includes(name) ? (name as AuthMethod) : "other";
  if (method !== "publickey") return { user, service, method };
  return { user, service, method, publicKey: parsePublicKeyRequest(payload, reader, sessionId) };
}

function parsePublicKeyRequest(
  payload: Buffer,
  reader: SshReader,
  sessionId: () => Buffer,
): PublicKeyRequest {
  const signed = reader.u8() !== 0;
  const algorithm = reader.text(MAX_NAME_BYTES);
  const blob = Buffer.from(reader.string());
  // RFC 4252, section 7: the signature covers the session id and everything before itself.
  const covered = payload.subarray(0, 1 + reader.position);
  const signature = signed ? reader.string(MAX_TEXT_BYTES) : undefined;
  reader.end();
  const [key, verification] = classify(algorithm, blob);
  if (signature === undefined) return { key, blob, proof: undefined };
  const data = new SshWriter().string(sessionId()).raw(covered).done();
  return { key, blob, proof: prove(key, verification, data, signature) };
}

interface Verification {
  readonly publicKey: SshPublicKey;
  readonly signature: SignatureAlgorithm;
}

function prove(
  key: OfferedKey,
  verification: Verification | undefined,
  data: Buffer,
  signature: Buffer,
): Proof {
  if (verification === undefined) return { good: false, reason: "bad-signature" };
  const verdict = check(verification, data, signature);
  // Of an ordinary key nobody knows whether its owner was there: it never meets the option.
  if (verdict.good && asksForVerification(key) && verdict.securityKey?.userVerified !== true)
    return { good: false, reason: "not-verified" };
  return verdict;
}

function check(
  { publicKey, signature: algorithm }: Verification,
  data: Buffer,
  signature: Buffer,
): SignatureVerdict {
  try {
    // The one answer that lets people in. It is node:crypto's boolean, never ssh2's truthy Error.
    return checkSignature(publicKey, data, signature, [algorithm]);
  } catch {
    return { good: false, reason: "bad-signature" };
  }
}

function asksForVerification(key: OfferedKey): boolean {
  return key.kind === "certificate" && key.certificate.criticalOptions.has(VERIFY_REQUIRED);
}

/** What kind of key this is, and which one signature algorithm would prove it. */
function classify(algorithm: string, blob: Buffer): [OfferedKey, Verification | undefined] {
  try {
    return CERTIFICATE_ALGORITHMS.has(algorithm)
      ? certificateKey(algorithm, blob)
      : plainKey(algorithm, blob);
  } catch {
    return [{ kind: "unsupported", algorithm }, undefined];
  }
}

function certificateKey(algorithm: string, blob: Buffer): [OfferedKey, Verification | undefined] {
  const certificate = parseCertificate(blob);
  const known = CERTIFICATE_ALGORITHMS.get(algorithm);
  if (known?.blobType !== certificate.certType) return [{ kind: "unsupported", algorithm }, undefined];
  const verification = { publicKey: certificate.publicKey, signature: known.signature };
  return [{ kind: "certificate", certificate, algorithm }, verification];
}

function plainKey(algorithm: string, blob: Buffer): [OfferedKey, Verification | undefined] {
  const publicKey = parsePublicKey(blob);
  const signature = signatureAlgorithmsFor(publicKey.type).find((name) => name === algorithm);
  if (signature === undefined) return [{ kind: "unsupported", algorithm }, undefined];
  return [
    { kind: "plain", publicKey, algorithm },
    { publicKey, signature },
  ];
}
