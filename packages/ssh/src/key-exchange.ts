/**
 * What one connection's key exchanges need beyond ssh2: host certificates on
 * both sides, ML-KEM, and a host signature that packages/sshcert verifies.
 *
 * ssh2 makes a new object for every exchange (the first and each re-key) and
 * stores it in `protocol._kex`; an accessor there sees each of them in time.
 */
import type { KeyObject } from "node:crypto";

import {
  CERTIFICATE_ALGORITHMS,
  keepCopy,
  publicKeyOf,
  rawSignature,
  signatureAlgorithmsFor,
  SshReader,
} from "@teleport-access/sshcert";
import type { Certificate, SignatureAlgorithm } from "@teleport-access/sshcert";

import { MLKEM_KEX } from "./algorithms.ts";
import { SshError } from "./errors.ts";
import { withHostSignatureCheck } from "./internals.ts";
import { answerHybrid, startHybrid } from "./mlkem.ts";
import type { HostKeyEntry, KeyExchange, Protocol } from "./ssh2-internals.ts";

/** A server's host key, and the certificate it may show beside it. */
export interface HostKey {
  readonly privateKey: KeyObject;
  readonly certificate?: Certificate | undefined;
}

/** What a server offers: algorithm names in order, and the key behind each. */
export interface HostKeyOffer {
  readonly algorithms: readonly string[];
  readonly entries: Readonly<Record<string, HostKeyEntry>>;
}

/**
 * Certificates come first: a client that trusts the host CA then never sees the plain key.
 * @throws SshError for a certificate of another key, or a user's.
 */
export function offerHostKeys(keys: readonly HostKey[]): HostKeyOffer {
  const all = [...keys.flatMap(certificateEntries), ...keys.flatMap(plainEntries)];
  if (all.length === 0) throw new SshError("SSH_BAD_OPTION", "a server needs a host key");
  const entries: Record<string, HostKeyEntry> = {};
  // The first key of a type counts.
  for (const one of all) entries[one.type] ??= one;
  return { algorithms: Object.keys(entries), entries };
}

function certificateEntries({ privateKey, certificate }: HostKey): HostKeyEntry[] {
  if (certificate === undefined) return [];
  if (certificate.type !== "host") throw new SshError("SSH_BAD_OPTION", "not a host certificate");
  if (!certificate.publicKey.blob.equals(publicKeyOf(privateKey).blob)) {
    throw new SshError("SSH_BAD_OPTION", "the host certificate is of another key");
  }
  return [...CERTIFICATE_ALGORITHMS]
    .filter(([, { blobType }]) => blobType === certificate.certType)
    .map(([name, { signature }]) => entry(name, certificate.blob, privateKey, signature));
}

function plainEntries({ privateKey }: HostKey): HostKeyEntry[] {
  const { type, blob } = publicKeyOf(privateKey);
  return signatureAlgorithmsFor(type).map((name) => entry(name, blob, privateKey, name));
}

function entry(name: string, blob: Buffer, key: KeyObject, algorithm: SignatureAlgorithm): HostKeyEntry {
  return {
    type: name,
    getPublicSSH: () => blob,
    // SSH's own encoding begins with a zero byte, which tells ssh2 that there is nothing to convert.
    sign: (data) => attempt(() => rawSignature(key, data, algorithm)),
  };
}

/** kex.js wants errors returned, not thrown. */
function attempt<T>(make: () => T): T | Error {
  try {
    return make();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The signature algorithm behind a host key algorithm name: of `…-cert-v01@openssh.com` the plain one. */
export function hostSignatureAlgorithm(name: string): string {
  return CERTIFICATE_ALGORITHMS.get(name)?.signature ?? name;
}

/** How a client judges the host's signature: the key it accepted in the host verifier, with exactly this algorithm. */
export type VerifyHostSignature = (exchangeHash: Buffer, signature: Buffer, algorithm: string) => boolean;

export interface KeyExchangeHook {
  /** A client's check; servers have none. */
  readonly verifyHostSignature?: VerifyHostSignature | undefined;
  /** A server learns here that the client takes EXT_INFO (RFC 8308). */
  readonly wantsExtInfo?: () => void;
  /** The host key algorithm that was agreed on, certificate or not. */
  readonly agreed?: (hostKey: string) => void;
}

/**
 * Watches `protocol._kex` so that every exchange understands certificate host keys and ML-KEM. Returns what to
 * call when one is done: of the whole exchange, its keys and secrets, only what names the connection is kept.
 */
export function hookKeyExchange(protocol: Protocol, hook: KeyExchangeHook): () => void {
  let current: KeyExchange | undefined = protocol._kex;
  // Only used for picking; the bytes sent keep the real names. All connections share an offer: once is enough.
  const { kex } = protocol._offer.lists;
  if (kex.array.includes(MLKEM_KEX))
    kex.array = kex.array.map((name) => (name === MLKEM_KEX ? "curve25519-sha256" : name));
  Object.defineProperty(protocol, "_kex", {
    configurable: true,
    enumerable: true,
    get: () => current,
    set(next: KeyExchange | undefined) {
      current = next;
      if (next !== undefined) adapt(protocol, next, hook);
    },
  });
  return function settle() {
    if (current === undefined) return;
    const { negotiated, sessionID } = current;
    current = { ...SETTLED, negotiated, sessionID: keepCopy(sessionID) };
    if (protocol._remoteIdentRaw !== undefined) protocol._remoteIdentRaw = keepCopy(protocol._remoteIdentRaw);
  };
}

function over(): never {
  throw new SshError("SSH_PROTOCOL", "the key exchange is over");
}

/** Stands where the exchange was; the next one takes the session id from it. */
const SETTLED: Omit<KeyExchange, "negotiated" | "sessionID"> = {
  hashName: "",
  remoteExtInfoEnabled: false,
  _kexinit: undefined,
  _remoteKexinit: undefined,
  parse: over,
  finish: over,
  generateKeys: over,
  getPublicKey: over,
  convertPublicKey: over,
  computeSecret: over,
};

function adapt(protocol: Protocol, kex: KeyExchange, hook: KeyExchangeHook): void {
  // ssh2's own EXT_INFO lacks a comma ("ecdsa-sha2-nistp521rsa-sha2-512"): never let it send one.
  Object.defineProperty(kex, "remoteExtInfoEnabled", {
    get: () => false,
    set(wanted: boolean) {
      if (wanted) hook.wantsExtInfo?.();
    },
  });
  correctKeyExchangeName(protocol, kex);
  adaptHostKey(protocol, kex, hook);
}

/** Read as a message, it throws. */
const NOTHING = Buffer.alloc(0);

function kexNames(kexinit: Buffer): readonly string[] {
  return new SshReader(kexinit.subarray(17)).text(65_536).split(",");
}

/** RFC 4253, section 7.1: the first of the client's names that the server has too. */
function correctKeyExchangeName(protocol: Protocol, kex: KeyExchange): void {
  if (kex.negotiated.kex !== "curve25519-sha256") return;
  const ours = kexNames(protocol._kexinit ?? kex._kexinit ?? NOTHING);
  const theirs = kexNames(kex._remoteKexinit ?? NOTHING);
  const [client, server] = protocol._server ? [theirs, ours] : [ours, theirs];
  const choice = client.find((name) => server.includes(name));
  if (choice === "curve25519-sha256") return;
  if (choice !== MLKEM_KEX) throw new SshError("SSH_PROTOCOL", "key exchange names disagree");
  kex.negotiated.kex = MLKEM_KEX;
  if (protocol._server) morphServer(kex);
  else morphClient(kex);
}

function morph(kex: KeyExchange): void {
  kex.hashName = "sha256";
  kex.convertPublicKey = (key) => key;
  kex.generateKeys = function nothing() {
    // The keys are made by mlkem.ts.
  };
}

function morphServer(kex: KeyExchange): void {
  morph(kex);
  let reply = Buffer.alloc(0);
  kex.computeSecret = (init) =>
    attempt(() => {
      const { message, secret } = answerHybrid(init);
      reply = Buffer.from(message);
      return secret;
    });
  kex.getPublicKey = () => reply;
}

function morphClient(kex: KeyExchange): void {
  morph(kex);
  const client = startHybrid();
  kex.getPublicKey = () => client.message;
  kex.computeSecret = (reply) => attempt(() => client.finish(reply));
}

/**
 * kex.js writes and compares the negotiated host key name in two places where a
 * certificate needs another one: the signature's name is the plain algorithm,
 * and K_S of rsa-sha2-*-cert is an ssh-rsa-cert. It sees that name for the
 * length of the call.
 */
function adaptHostKey(protocol: Protocol, kex: KeyExchange, hook: KeyExchangeHook): void {
  const name = kex.negotiated.serverHostKey;
  hook.agreed?.(name);
  const signature = hostSignatureAlgorithm(name);
  const { finish, parse } = kex;
  const check = hook.verifyHostSignature;
  kex.finish = function finishNamed(...rest) {
    function run(): unknown {
      return withName(kex, signature, () => finish.apply(kex, rest));
    }
    if (protocol._server) return run();
    const sent = kex._sig ?? Buffer.alloc(0);
    return withHostSignatureCheck((hash) => check?.(hash, sent, signature) === true, run);
  };
  if (protocol._server) return;
  const blobType = CERTIFICATE_ALGORITHMS.get(name)?.blobType ?? name;
  kex.parse = function parseNamed(payload) {
    return withName(kex, blobType, () => parse.call(kex, payload));
  };
}

function withName<T>(kex: KeyExchange, name: string, step: () => T): T {
  const { negotiated } = kex;
  const real = negotiated.serverHostKey;
  negotiated.serverHostKey = name;
  try {
    return step();
  } finally {
    negotiated.serverHostKey = real;
  }
}
