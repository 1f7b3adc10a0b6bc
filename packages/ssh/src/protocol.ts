/**
 * Makes ssh2's Protocol for one connection: what is offered, which host keys are
 * shown or accepted, and where everything that is not key exchange goes.
 */
import {
  COMPRESSIONS,
  EXT_INFO_CLIENT,
  KEY_EXCHANGES,
  MACS,
  STRICT_KEX_CLIENT,
  STRICT_KEX_SERVER,
} from "./algorithms.ts";
import { hookGcm } from "./gcm.ts";
import { ssh2 } from "./internals.ts";
import { hookKeyExchange } from "./key-exchange.ts";
import type { HostKeyOffer, VerifyHostSignature } from "./key-exchange.ts";
import type { SocketOutput } from "./socket-output.ts";
import type { KexInit, Negotiated, Protocol, ProtocolConfig } from "./ssh2-internals.ts";

export interface ServerRole {
  readonly kind: "server";
  readonly hostKeys: HostKeyOffer;
}

export interface ClientRole {
  readonly kind: "client";
  readonly hostKeyAlgorithms: readonly string[];
  /** Only `true` accepts. Called in each key exchange, before the signature is checked. */
  acceptHostKey(blob: Buffer): boolean;
  readonly verifyHostSignature: VerifyHostSignature;
}

export type Role = ServerRole | ClientRole;

/** What happens below the messages. All calls are synchronous. */
export interface ProtocolEvents {
  failed(error: Error): void;
  identified(ident: string): void;
  exchanged(negotiated: Negotiated): void;
  wantsExtInfo(): void;
  receive(payload: Buffer): void;
  /** CHANNEL_DATA, which may take a shorter way than `receive`. */
  data(payload: Buffer): void;
  finished(): boolean;
  /** Whether nothing further may be handled now, and what was read and is left because of that. */
  paused(): boolean;
  rest(bytes: Buffer): void;
}

/** The name we send; no version, which would only help to pick an attack. */
const IDENT = "teleport-access";

/** What is offered is the same for all connections with these names. */
const offers = new Map<string, KexInit>();
/** Rotations of host keys make a new one each; old ones are not missed. */
const MAX_OFFERS = 16;

function offer(role: Role, ciphers: readonly string[]): KexInit {
  const extra = role.kind === "server" ? [STRICT_KEX_SERVER] : [EXT_INFO_CLIENT, STRICT_KEX_CLIENT];
  const serverHostKey = role.kind === "server" ? role.hostKeys.algorithms : role.hostKeyAlgorithms;
  const id = [...extra, ...ciphers, ...serverHostKey].join();
  const known = offers.get(id);
  if (known !== undefined) return known;
  const direction = { cipher: ciphers, mac: MACS, compress: COMPRESSIONS, lang: [] };
  const { KexInit } = ssh2();
  const made = new KexInit({
    kex: [...KEY_EXCHANGES, ...extra],
    serverHostKey,
    cs: direction,
    sc: direction,
  });
  if (offers.size >= MAX_OFFERS) offers.clear();
  offers.set(id, made);
  return made;
}

/** Makes something whose small Buffers live long: pooled ones would hold 64 KiB each (sshcert, keepCopy). */
function unpooled<T>(make: () => T): T {
  const { poolSize } = Buffer;
  Buffer.poolSize = 0;
  try {
    return make();
  } finally {
    Buffer.poolSize = poolSize;
  }
}

export interface ProtocolOptions {
  readonly role: Role;
  readonly ciphers: readonly string[];
  /** Where packets go. */
  readonly output: SocketOutput;
}

/** One connection's Protocol, hooked and ready to start. */
export function createProtocol({ role, ciphers, output }: ProtocolOptions, events: ProtocolEvents): Protocol {
  const { Protocol } = ssh2();
  let hostKey = "";
  const config: ProtocolConfig = {
    server: role.kind === "server",
    ident: IDENT,
    offer: offer(role, ciphers),
    ...(role.kind === "server"
      ? { hostKeys: role.hostKeys.entries }
      : { hostVerifier: (blob: Buffer) => role.acceptHostKey(blob) }),
    messageHandlers: {
      receive: (payload) => {
        events.receive(payload);
      },
      get finished() {
        return events.finished();
      },
    },
    onWrite: (data) => {
      output.copy(data);
    },
    onError: (error) => {
      events.failed(error);
    },
    onHeader: ({ identRaw }) => {
      events.identified(identRaw);
    },
    onHandshakeComplete: (negotiated) => {
      // kex.js may be looking at the name of the signature instead (key-exchange.ts).
      const agreed = { ...negotiated, serverHostKey: hostKey };
      settle();
      events.exchanged(agreed);
    },
  };
  const protocol = unpooled(() => new Protocol(config));
  const settle = hookKeyExchange(protocol, {
    verifyHostSignature: role.kind === "client" ? role.verifyHostSignature : undefined,
    wantsExtInfo: () => {
      events.wantsExtInfo();
    },
    agreed: (name) => {
      hostKey = name;
    },
  });
  hookGcm(protocol, output, {
    data(payload) {
      events.data(payload);
      // As in internals.ts: nothing is handled after a cut.
      return events.finished() ? Infinity : undefined;
    },
    get paused() {
      return events.paused();
    },
    rest: (bytes) => {
      events.rest(bytes);
    },
  });
  return protocol;
}
