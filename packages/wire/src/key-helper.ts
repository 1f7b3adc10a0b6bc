/**
 * The standing connection of a key-helper: JSON messages over a WebSocket.
 *
 * The proxy challenges, the key-helper proves its device key and shows its
 * token, and from then on the proxy sends what changes: certificates, known
 * hosts, the end.
 */
import { createHash } from "node:crypto";

import { fields, integer, list, oneOf, string } from "@teleport-access/daemon";
import type { Fields } from "@teleport-access/daemon";
import { SshWriter } from "@teleport-access/sshcert";
import type { SshPublicKey } from "@teleport-access/sshcert";

import { addressText } from "./agent-config.ts";
import { publicKeyLine } from "./key-lines.ts";
import {
  MAX_CA_KEYS,
  MAX_CERTIFICATE_LINE_LENGTH,
  MAX_KEY_HELPER_MESSAGE_BYTES,
  MAX_LABEL_LENGTH,
  MAX_NAME_LENGTH,
} from "./limits.ts";
import { CLUSTER_NAME, USER_NAME } from "./names.ts";
import { asWireError, parseMessageJson, WireError } from "./wire-error.ts";

export const KEY_HELPER_PATH = "/key-helper/v1";
export const KEY_HELPER_VERSION = 1;
/** The close code after `refused`: in the range that applications may use (RFC 6455, section 7.4.2). */
export const KEY_HELPER_CLOSE_REFUSED = 4403;
/** Two SHA-256 blocks' worth of guessing: nobody signs for a nonce in advance. */
export const KEY_HELPER_NONCE_BYTES = 32;
/** `tah_` and 32 random bytes. */
export const KEY_HELPER_TOKEN: Readonly<RegExp> = /^tah_[A-Za-z0-9_-]{43}$/;

export const KEY_HELPER_REFUSALS = [
  "bad-token",
  "expired-token",
  "wrong-device",
  "wrong-server",
  "wrong-user",
  "wrong-key",
  "suspended",
  "malformed",
  "rate-limited",
  "bad-proof",
] as const;
export type KeyHelperRefusal = (typeof KEY_HELPER_REFUSALS)[number];

const STATES = ["signed-in", "waiting"] as const;
/** Whether the person has a sign-in that is good; without one there is no certificate. */
export type SignInState = (typeof STATES)[number];

/** The host CAs of one cluster, as OpenSSH lines. */
export interface ClusterHostKeys {
  readonly cluster: string;
  readonly keys: readonly string[];
}

export interface KeyHelperHello {
  readonly type: "hello";
  readonly version: number;
  readonly user: string;
  readonly token: string;
  /** `host[:port]` as dialled, in lower case. */
  readonly server: string;
  /** An OpenSSH line. */
  readonly devicePublicKey: string;
  /** An SSH signature blob by the device key over `keyHelperProof`, in base64. */
  readonly signature: string;
  /** The SSH key to certify, an OpenSSH line. */
  readonly publicKey: string;
}

export type KeyHelperClientMessage = KeyHelperHello;

export type KeyHelperServerMessage =
  | { readonly type: "challenge"; readonly version: number; readonly nonce: string }
  | {
      readonly type: "welcome";
      readonly user: string;
      readonly ssh: { readonly address: string; readonly hostKeys: readonly string[] };
      readonly webAddress: string;
      readonly knownHosts: readonly ClusterHostKeys[];
      readonly state: SignInState;
    }
  | { readonly type: "state"; readonly state: SignInState }
  | {
      readonly type: "certificate";
      /** An OpenSSH line. */
      readonly line: string;
      /** A decimal number: 64 bits do not fit JSON's. */
      readonly serial: string;
      /** RFC 3339 */
      readonly validAfter: string;
      readonly validBefore: string;
      readonly principals: readonly string[];
    }
  | { readonly type: "known-hosts"; readonly knownHosts: readonly ClusterHostKeys[] }
  | { readonly type: "revoked"; readonly reason: string }
  | { readonly type: "refused"; readonly reason: KeyHelperRefusal; readonly message: string };

const PROOF_CONTEXT = "teleport-access-key-helper-v1\0";
const NONCE = /^[A-Za-z0-9_-]{43}$/;
const SERVER = /^(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
const ONE_LINE = /^[^\p{Cc}]*$/u;

/**
 * The bytes that a device key signs. They bind the answer to this challenge, to
 * the server as dialled (a relay cannot pass it on), and to what it asks for.
 */
export function keyHelperProof(proof: {
  /** As in the challenge. */
  readonly nonce: string;
  readonly server: string;
  readonly user: string;
  readonly token: string;
  readonly publicKey: Pick<SshPublicKey, "blob">;
}): Buffer {
  return new SshWriter()
    .raw(Buffer.from(PROOF_CONTEXT, "latin1"))
    .string(Buffer.from(proof.nonce, "base64url"))
    .string(proof.server)
    .string(proof.user)
    .string(createHash("sha256").update(proof.token).digest())
    .string(proof.publicKey.blob)
    .done();
}

/** @throws WireError when it would be too long */
export function encodeKeyHelperMessage(message: KeyHelperServerMessage | KeyHelperClientMessage): string {
  const text = JSON.stringify(message);
  if (Buffer.byteLength(text) > MAX_KEY_HELPER_MESSAGE_BYTES) {
    throw new WireError(`key-helper message ${message.type}: too long`);
  }
  return text;
}

/** What a key-helper sends. @throws WireError */
export function parseKeyHelperClientMessage(text: string): KeyHelperClientMessage {
  const value = parseMessageJson("key-helper message", text, MAX_KEY_HELPER_MESSAGE_BYTES);
  return asWireError("key-helper message", () => {
    const message = fields(value, "message");
    oneOf(message["type"], "type", ["hello"]);
    return {
      type: "hello",
      version: version(message["version"]),
      user: userName(message["user"], "user"),
      token: string(message["token"], "token", {
        max: 256,
        pattern: ONE_LINE,
        description: "one line",
        secret: true,
      }),
      server: string(message["server"], "server", {
        max: 300,
        pattern: SERVER,
        description: "host or host:port",
      }),
      devicePublicKey: publicKeyLine(message["devicePublicKey"], "devicePublicKey"),
      signature: string(message["signature"], "signature", { pattern: BASE64, description: "base64" }),
      publicKey: publicKeyLine(message["publicKey"], "publicKey"),
    };
  });
}

/** What a proxy sends; undefined for a type that we do not know. @throws WireError */
export function parseKeyHelperServerMessage(text: string): KeyHelperServerMessage | undefined {
  const value = parseMessageJson("key-helper message", text, MAX_KEY_HELPER_MESSAGE_BYTES);
  return asWireError("key-helper message", () => {
    const message = fields(value, "message");
    const type = string(message["type"], "type", { max: 64 });
    return SERVER_MESSAGES.get(type)?.(message);
  });
}

const SERVER_MESSAGES: ReadonlyMap<string, (message: Fields) => KeyHelperServerMessage> = new Map([
  ["challenge", parseChallenge],
  ["welcome", parseWelcome],
  ["state", parseState],
  ["certificate", parseCertificateMessage],
  ["known-hosts", parseKnownHosts],
  ["revoked", parseRevoked],
  ["refused", parseRefused],
]);

function parseChallenge(message: Fields): KeyHelperServerMessage {
  return {
    type: "challenge",
    version: version(message["version"]),
    nonce: string(message["nonce"], "nonce", { pattern: NONCE, description: "32 bytes in base64url" }),
  };
}

function parseWelcome(message: Fields): KeyHelperServerMessage {
  const ssh = fields(message["ssh"], "ssh");
  return {
    type: "welcome",
    user: userName(message["user"], "user"),
    ssh: {
      address: addressText(ssh["address"], "ssh.address"),
      hostKeys: list(ssh["hostKeys"], "ssh.hostKeys", publicKeyLine, { min: 1, max: MAX_CA_KEYS }),
    },
    webAddress: string(message["webAddress"], "webAddress", {
      max: 300,
      pattern: /^https:\/\/[^\s\p{Cc}]+$/u,
    }),
    knownHosts: knownHosts(message["knownHosts"], "knownHosts"),
    state: oneOf(message["state"], "state", STATES),
  };
}

function parseState(message: Fields): KeyHelperServerMessage {
  return { type: "state", state: oneOf(message["state"], "state", STATES) };
}

function parseCertificateMessage(message: Fields): KeyHelperServerMessage {
  return {
    type: "certificate",
    line: oneLine(message["line"], "line", MAX_CERTIFICATE_LINE_LENGTH),
    serial: string(message["serial"], "serial", { pattern: /^\d{1,20}$/, description: "a decimal number" }),
    validAfter: time(message["validAfter"], "validAfter"),
    validBefore: time(message["validBefore"], "validBefore"),
    principals: list(message["principals"], "principals", principal, { max: 256 }),
  };
}

function parseKnownHosts(message: Fields): KeyHelperServerMessage {
  return { type: "known-hosts", knownHosts: knownHosts(message["knownHosts"], "knownHosts") };
}

function parseRevoked(message: Fields): KeyHelperServerMessage {
  return { type: "revoked", reason: oneLine(message["reason"], "reason", 256) };
}

function parseRefused(message: Fields): KeyHelperServerMessage {
  return {
    type: "refused",
    reason: oneOf(message["reason"], "reason", KEY_HELPER_REFUSALS),
    message: oneLine(message["message"], "message", 512),
  };
}

function version(value: unknown): number {
  return integer(value, "version", { min: KEY_HELPER_VERSION, max: 1000 });
}

function userName(value: unknown, field: string): string {
  return string(value, field, { max: MAX_NAME_LENGTH, pattern: USER_NAME, description: "a user's name" });
}

function principal(value: unknown, field: string): string {
  return oneLine(value, field, 512);
}

function oneLine(value: unknown, field: string, max: number): string {
  return string(value, field, { max, pattern: ONE_LINE, description: "one line without control characters" });
}

function time(value: unknown, field: string): string {
  return string(value, field, { pattern: TIME, description: "a time in UTC such as 2026-01-02T15:04:05Z" });
}

/** As many clusters as one message can carry. */
const MAX_CLUSTERS = 256;

function knownHosts(value: unknown, field: string): readonly ClusterHostKeys[] {
  return list(value, field, clusterHostKeys, { max: MAX_CLUSTERS });
}

function clusterHostKeys(value: unknown, field: string): ClusterHostKeys {
  const entry = fields(value, field);
  return {
    cluster: string(entry["cluster"], `${field}.cluster`, {
      max: MAX_LABEL_LENGTH,
      pattern: CLUSTER_NAME,
      description: "a cluster's name",
    }),
    keys: list(entry["keys"], `${field}.keys`, publicKeyLine, { max: MAX_CA_KEYS }),
  };
}
