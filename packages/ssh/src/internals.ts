/**
 * The only place that loads ssh2, behind assertions: the exact version, the
 * digest of every file it runs, the native crypto. Load-time hooks are put in
 * place here, before kex.js copies what they replace.
 *
 * What the hooks mean is in key-exchange.ts (host certificates, ML-KEM) and
 * transport.ts (every message that is not key exchange is ours).
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { MLKEM_KEX } from "./algorithms.ts";
import { SshStartupError } from "./errors.ts";
import { createPaddingPool } from "./padding.ts";
import { PINNED_FILES, PINNED_VERSION } from "./pinned-files.ts";
import type {
  CryptoModule,
  KexModule,
  KeyParserModule,
  MessageHandler,
  ProtocolConstructor,
  UtilsModule,
} from "./ssh2-internals.ts";

/** The parts of ssh2 that are used after loading. */
export interface Ssh2 {
  readonly Protocol: ProtocolConstructor;
  readonly KexInit: KexModule["KexInit"];
  readonly sendPacket: UtilsModule["sendPacket"];
  /** Resolves when ssh2's crypto may be used. */
  readonly ready: Promise<unknown>;
  readonly nativeCrypto: boolean;
}

/** kex.js verifies a host signature through this; key-exchange.ts sets it for the length of one call. */
export type HostSignatureCheck = (exchangeHash: Buffer) => boolean;
let hostSignatureCheck: HostSignatureCheck | undefined;

/** Runs `step` with `check` as what kex.js takes for "the host's signature is good". */
export function withHostSignatureCheck<T>(check: HostSignatureCheck, step: () => T): T {
  hostSignatureCheck = check;
  try {
    return step();
  } finally {
    hostSignatureCheck = undefined;
  }
}

// From the bundle in the image this resolves /app/node_modules/ssh2, from source the workspace's.
const load = createRequire(import.meta.url);
let loaded: Ssh2 | undefined;

/** ssh2, loaded and checked on first use. @throws SshStartupError when it is not the one that was reviewed. */
export function ssh2(): Ssh2 {
  loaded ??= loadSsh2();
  return loaded;
}

function loadSsh2(): Ssh2 {
  const root = packageFolder();
  assertVersion(load("ssh2/package.json") as { readonly version?: unknown });
  assertDigests((file) => readFileSync(path.join(root, file)));
  const crypto = loadCrypto();
  assertNativeCrypto(crypto, () => readFileSync(path.join(root, ADDON)));
  hookHostKeyParser(load("ssh2/lib/protocol/keyParser.js") as KeyParserModule);
  const utils = load("ssh2/lib/protocol/utils.js") as UtilsModule;
  hookNameLists(utils);
  const kex = load("ssh2/lib/protocol/kex.js") as KexModule;
  hookMessages(load("ssh2/lib/protocol/handlers.js") as MessageHandler[]);
  const Protocol = load("ssh2/lib/protocol/Protocol.js") as ProtocolConstructor;
  return {
    Protocol,
    KexInit: kex.KexInit,
    sendPacket: (...packet) => utils.sendPacket(...packet),
    ready: crypto.init,
    nativeCrypto: crypto.bindingAvailable,
  };
}

function packageFolder(): string {
  try {
    return path.dirname(load.resolve("ssh2/package.json"));
  } catch (cause) {
    throw new SshStartupError("ssh2 is not installed", cause);
  }
}

/** Refuses any version but the pinned one. */
export function assertVersion(manifest: { readonly version?: unknown }): void {
  if (manifest.version !== PINNED_VERSION) {
    throw new SshStartupError(`ssh2 ${PINNED_VERSION} is required, found ${String(manifest.version)}`);
  }
}

/** Refuses files that differ from those that were reviewed. @throws SshStartupError naming the first that does. */
export function assertDigests(
  read: (file: string) => Buffer,
  pinned: Readonly<Record<string, string>> = PINNED_FILES,
): void {
  for (const [file, digest] of Object.entries(pinned)) {
    const found = createHash("sha256").update(readPinned(read, file)).digest("hex");
    if (found !== digest)
      throw new SshStartupError(`ssh2's ${file} is not the reviewed one (SHA-256 ${found})`);
  }
}

function readPinned(read: (file: string) => Buffer, file: string): Buffer {
  try {
    return read(file);
  } catch (cause) {
    throw new SshStartupError(`ssh2's ${file} cannot be read`, cause);
  }
}

const ADDON = "lib/protocol/crypto/build/Release/sshcrypto.node";

/**
 * Refuses pure JavaScript, which is half as fast, and an addon that was compiled
 * without packages/ssh/native/object-wrap.h: that one aborts the process some time
 * after connections have closed.
 */
export function assertNativeCrypto(
  crypto: Pick<CryptoModule, "bindingAvailable">,
  readAddon: () => Buffer,
): void {
  if (!crypto.bindingAvailable) {
    throw new SshStartupError(
      "ssh2's native crypto is not compiled for this Node: run hack/install-dependencies.sh",
    );
  }
  if (readAddon().includes("RemoveEnvironmentCleanupHook")) {
    throw new SshStartupError("ssh2's native crypto would abort this Node: run hack/install-dependencies.sh");
  }
}

/** Loads crypto.js with pooled padding: it copies `randomFillSync` when it loads and uses it for nothing else. */
function loadCrypto(): CryptoModule {
  const file = "ssh2/lib/protocol/crypto.js";
  if (load.resolve(file) in load.cache) throw new SshStartupError("ssh2 was loaded before packages/ssh");
  const node = load("node:crypto") as { randomFillSync: unknown };
  const original = node.randomFillSync;
  node.randomFillSync = createPaddingPool();
  try {
    return load(file) as CryptoModule;
  } finally {
    node.randomFillSync = original;
  }
}

/**
 * kex.js asks the host key it parsed to verify the exchange hash. Its own keys
 * know no certificates, and their verify() answers with truthy Error objects;
 * ours delegates to packages/sshcert through key-exchange.ts.
 */
function hookHostKeyParser(keyParser: KeyParserModule): void {
  keyParser.parseDERKey = function parseHostKey() {
    const check = hostSignatureCheck;
    if (check === undefined) return new Error("no host key is being verified");
    return { verify: (exchangeHash) => check(exchangeHash) };
  };
}

/**
 * kex.js builds key exchanges by a fixed list of names. It is shown curve25519
 * where the peer says ML-KEM; key-exchange.ts works out the true choice from
 * both KEXINITs and refuses if the two ever disagree.
 */
function hookNameLists(utils: UtilsModule): void {
  const { bufferParser } = utils;
  const { readList } = bufferParser;
  bufferParser.readList = function readMappedList() {
    return readList()?.map((name) => (name === MLKEM_KEX ? "curve25519-sha256" : name));
  };
}

const KEXINIT = 20;

/** Every message but KEXINIT goes to the connection's own `receive`; ssh2 ignored the ones it did not know. */
function hookMessages(handlers: MessageHandler[]): void {
  for (let type = 0; type < 256; type += 1) {
    if (type === KEXINIT) continue;
    handlers[type] = function receive(self, payload) {
      const ours = self._handlers;
      ours.receive(payload);
      // Infinity ends ssh2's loop over the bytes it already has: nothing is handled after a cut.
      return ours.finished ? Infinity : undefined;
    };
  }
}
