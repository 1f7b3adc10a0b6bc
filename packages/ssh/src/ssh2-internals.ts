/**
 * The shape of what we use of ssh2 1.17.0, described once and narrowly.
 *
 * ssh2 gives us RFC 4253: identification strings, key exchange, packets and
 * their encryption. Its RFC 4252 and RFC 4254 halves (server.js, client.js,
 * Channel.js) are not loaded at all: authentication and channels are ours.
 * These interfaces are only true for the files whose digests pinned-files.ts
 * lists; internals.ts refuses to load any other.
 */

/** `lib/protocol/zlib.js`, PacketWriter: where a payload starts inside an allocated packet. */
export interface PacketWriter {
  readonly allocStart: number;
  readonly allocStartKEX: number;
  alloc(payloadLength: number, duringKeyExchange?: boolean): Buffer;
  finalize(packet: Buffer, duringKeyExchange?: boolean): Buffer;
}

/** The addon's AES-GCM, `lib/protocol/crypto/src/binding.cc`: in place, one packet a call. */
export interface NativeCipher {
  /** Length field, body, and room for the tag. */
  encrypt(packet: Uint8Array): void;
  free(): void;
}

export interface NativeDecipher {
  /** The body, its length, which is authenticated too, and the tag. @throws when the tag is wrong. */
  decrypt(body: Uint8Array, length: number, tag: Uint8Array): void;
}

/** `lib/protocol/crypto.js`: one direction under one key. */
export interface PacketCipher {
  outSeqno: number;
  allocPacket(payloadBytes: number): Buffer;
  encrypt(packet: Buffer): void;
  free(): void;
}

/** Undefined: everything was taken. A number or false stops ssh2's loop there, or here. */
export type PayloadResult = number | false | undefined;

export interface PacketDecipher {
  inSeqno: number;
  _onPayload: (payload: Buffer) => PayloadResult;
  decrypt(data: Buffer, start: number, end: number): number | undefined;
  free(): void;
}

/** One end's name lists, `lib/protocol/kex.js`, KexInit. */
export interface KexInit {
  readonly lists: { readonly kex: { array: string[]; buffer: Buffer } };
}

export interface DirectionAlgorithms {
  readonly cipher: string;
  readonly mac: string;
  readonly compress: string;
}

/** What one key exchange agreed on. `kex` and `serverHostKey` are corrected by key-exchange.ts. */
export interface Negotiated {
  kex: string;
  serverHostKey: string;
  readonly cs: DirectionAlgorithms;
  readonly sc: DirectionAlgorithms;
}

/** One running key exchange, `lib/protocol/kex.js`, KeyExchange. */
export interface KeyExchange {
  readonly negotiated: Negotiated;
  readonly sessionID: Buffer;
  hashName: string;
  remoteExtInfoEnabled: boolean;
  /** Both undefined once it is done. */
  readonly _kexinit: Buffer | undefined;
  readonly _remoteKexinit: Buffer | undefined;
  /** The server's signature over the exchange hash, as received by a client. */
  readonly _sig?: Buffer;
  parse: (this: KeyExchange, payload: Buffer) => unknown;
  finish: (this: KeyExchange, ...rest: unknown[]) => unknown;
  generateKeys(): void;
  getPublicKey(): Buffer;
  convertPublicKey(key: Buffer): Buffer;
  /** Returns an Error instead of throwing it: that is what kex.js checks for. */
  computeSecret(other: Buffer): Buffer | Error;
}

/** A server's host key as kex.js uses it. `sign` returns an Error instead of throwing it. */
export interface HostKeyEntry {
  readonly type: string;
  getPublicSSH(): Buffer;
  sign(data: Buffer): Buffer | Error;
}

/** Our half of the connection: everything that is not key exchange goes to `receive`. */
export interface MessageHandlers {
  receive(payload: Buffer): void;
  /** True once nothing further may be read from the socket. */
  readonly finished: boolean;
}

export interface ProtocolConfig {
  readonly server: boolean;
  readonly ident: string;
  readonly offer: KexInit;
  readonly hostKeys?: Readonly<Record<string, HostKeyEntry>>;
  readonly hostVerifier?: (key: Buffer) => boolean;
  readonly messageHandlers: MessageHandlers;
  onWrite(data: Buffer): void;
  onError(error: Error): void;
  onHeader(header: { readonly identRaw: string }): void;
  onHandshakeComplete(negotiated: Negotiated): void;
}

/** `lib/protocol/Protocol.js`. */
export interface Protocol {
  readonly _server: boolean;
  readonly _handlers: MessageHandlers;
  readonly _offer: KexInit;
  /** The peer's identification string, for the exchange hash. */
  _remoteIdentRaw: Buffer | undefined;
  readonly _packetRW: { readonly write: PacketWriter };
  _cipher: PacketCipher;
  _decipher: PacketDecipher | undefined;
  /** Our own KEXINIT while a key exchange is running, else undefined. */
  readonly _kexinit: Buffer | undefined;
  _kex: KeyExchange | undefined;
  /** Packets held back by a running key exchange. */
  readonly _queue: readonly Buffer[] | undefined;
  readonly _strictMode: boolean | undefined;
  readonly _destruct: unknown;
  start(): void;
  parse(chunk: Buffer, start: number, end: number): void;
  cleanup(): void;
  rekey(): void;
  channelData(channel: number, data: Buffer): void;
  channelExtData(channel: number, data: Buffer, type: number): void;
}

export type MessageHandler = (self: Protocol, payload: Buffer) => unknown;

/** What kex.js needs of a parsed host key: only ever `=== true` is a good signature. */
export interface ParsedHostKey {
  verify(data: Buffer): boolean;
}

export interface KeyParserModule {
  parseDERKey(data: Buffer, type: string): ParsedHostKey | Error;
}

export interface UtilsModule {
  readonly bufferParser: { readList: () => string[] | undefined };
  sendPacket(protocol: Protocol, packet: Buffer, duringKeyExchange?: boolean): boolean;
}

export interface CryptoModule {
  readonly bindingAvailable: boolean;
  readonly init: Promise<unknown>;
}

export interface KexModule {
  readonly KexInit: new (lists: {
    kex: readonly string[];
    serverHostKey: readonly string[];
    cs: DirectionLists;
    sc: DirectionLists;
  }) => KexInit;
}

export interface DirectionLists {
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly compress: readonly string[];
  readonly lang: readonly string[];
}

export type ProtocolConstructor = new (config: ProtocolConfig) => Protocol;
