/**
 * May this key-helper stay connected? Token, device key and SSH key of one hello,
 * held against what the access store says now. Pure; binding a token to the
 * device that uses it first needs the API server: binding.ts.
 */
import { createHash } from "node:crypto";
import type { User } from "@teleport-access/access";
import { fingerprint, parsePublicKeyLine, verifySignature } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";
import { keyHelperProof } from "@teleport-access/wire";
import type { KeyHelperHello, KeyHelperRefusal } from "@teleport-access/wire";
import type { KeyHelperTokenView } from "../acl/store.ts";

/** What a hello is held against. */
export interface HelloFacts {
  /** As it was sent in the challenge of this connection. */
  readonly nonce: string;
  /** `host[:port]` of the proxy's own public address. */
  readonly server: string;
  readonly now: number;
  /** By `sha256:<hex>`. */
  token(hash: string): KeyHelperTokenView | undefined;
  user(name: string): User | undefined;
}

/** A key-helper that may stay. */
export interface Helper {
  readonly user: string;
  readonly token: KeyHelperTokenView;
  /** SHA256 fingerprint of the device key. */
  readonly device: string;
  /** The SSH key to certify. */
  readonly publicKey: SshPublicKey;
}

/** The answer. */
export type HelloVerdict =
  | { readonly accepted: true; readonly helper: Helper }
  | { readonly accepted: false; readonly reason: KeyHelperRefusal };

/**
 * Judges `hello`. What the holder of a good token is told differs from case to
 * case, so that they can mend it; without a good token there is one answer.
 */
export function judgeHello(hello: KeyHelperHello, facts: HelloFacts): HelloVerdict {
  const token = facts.token(hashOfToken(hello.token));
  if (token === undefined) return refuse("bad-token");
  if (token.user !== hello.user) return refuse("wrong-user");
  if (facts.now >= token.expirationTime) return refuse("expired-token");
  // The name as dialled is signed: another server cannot pass our challenge on and its answer back.
  if (hello.server !== facts.server) return refuse("wrong-server");
  const device = parsePublicKeyLine(hello.devicePublicKey);
  const publicKey = parsePublicKeyLine(hello.publicKey);
  if (!isProven(hello, facts.nonce, device, publicKey)) return refuse("bad-proof");
  const helper = { user: hello.user, token, device: fingerprint(device), publicKey };
  return judgeHelper(helper, token, facts);
}

/**
 * What can change while a key-helper is connected: the token may be gone, over
 * or bound elsewhere, the person gone. `token` is what the store says now.
 */
export function judgeHelper(
  helper: Helper,
  token: KeyHelperTokenView | undefined,
  facts: Pick<HelloFacts, "now" | "user">,
): HelloVerdict {
  if (token?.uid !== helper.token.uid) return refuse("bad-token");
  if (facts.now >= token.expirationTime) return refuse("expired-token");
  if (token.boundKeyFingerprint !== undefined && token.boundKeyFingerprint !== helper.device) {
    return refuse("wrong-device");
  }
  const pinned = token.publicKeyFingerprint;
  if (pinned !== undefined && pinned !== fingerprint(helper.publicKey)) return refuse("wrong-key");
  const user = facts.user(helper.user);
  if (user === undefined) return refuse("bad-token");
  return user.suspend ? refuse("suspended") : { accepted: true, helper };
}

/** `sha256:<hex>` of a token's whole text. */
export function hashOfToken(token: string): string {
  return `sha256:${createHash("sha256").update(token).digest("hex")}`;
}

/** The device key is ours, made by the key-helper: one algorithm, no choice. */
function isProven(
  hello: KeyHelperHello,
  nonce: string,
  device: SshPublicKey,
  publicKey: SshPublicKey,
): boolean {
  if (device.type !== "ssh-ed25519") return false;
  const { server, user, token } = hello;
  const proof = keyHelperProof({ nonce, server, user, token, publicKey });
  return verifySignature(device, proof, Buffer.from(hello.signature, "base64"), ["ssh-ed25519"]);
}

function refuse(reason: KeyHelperRefusal): HelloVerdict {
  return { accepted: false, reason };
}
