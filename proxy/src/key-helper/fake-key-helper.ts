/**
 * For tests only: what a key-helper says, and a peer that keeps what it is told.
 */
import type { KeyObject } from "node:crypto";
import { formatPublicKeyLine, generatePrivateKey, publicKeyOf, signData } from "@teleport-access/sshcert";
import { keyHelperProof } from "@teleport-access/wire";
import type { KeyHelperHello, KeyHelperServerMessage } from "@teleport-access/wire";
import type { Peer } from "./peer.ts";

/** A whole token that no test stores under another hash. */
export const TOKEN: string = ["tah_", "a".repeat(43)].join("");

/** A peer without a socket. */
export interface FakePeer extends Peer {
  readonly told: KeyHelperServerMessage[];
  /** Types of what it was told since the last call, in order. */
  news(): string[];
  closed: number | undefined;
}

export function createFakePeer(): FakePeer {
  let seen = 0;
  const peer: FakePeer = {
    address: "192.0.2.1",
    told: [],
    closed: undefined,
    isOpen: () => peer.closed === undefined,
    send: (message) => {
      if (peer.closed === undefined) peer.told.push(message);
    },
    close: (code) => {
      peer.closed ??= code;
    },
    news: () => {
      const types = peer.told.slice(seen).map(({ type }) => type);
      seen = peer.told.length;
      return types;
    },
  };
  return peer;
}

/** A machine: its device key, and a person's SSH key. */
export interface FakeMachine {
  readonly deviceKey: KeyObject;
  readonly sshKey: KeyObject;
}

export function createFakeMachine(): FakeMachine {
  return { deviceKey: generatePrivateKey("Ed25519"), sshKey: generatePrivateKey("Ed25519") };
}

/** A hello as a key-helper signs it; `change` is put in before signing. */
export function helloOf(
  machine: FakeMachine,
  nonce: string,
  change: Partial<Pick<KeyHelperHello, "user" | "token" | "server">> = {},
): KeyHelperHello {
  const facts = { user: "alice", token: TOKEN, server: "proxy.example.com", ...change };
  const publicKey = publicKeyOf(machine.sshKey);
  const proof = keyHelperProof({ nonce, publicKey, ...facts });
  return {
    type: "hello",
    version: 1,
    devicePublicKey: formatPublicKeyLine(publicKeyOf(machine.deviceKey)),
    signature: signData(machine.deviceKey, proof, "ssh-ed25519").toString("base64"),
    publicKey: formatPublicKeyLine(publicKey),
    ...facts,
  };
}
