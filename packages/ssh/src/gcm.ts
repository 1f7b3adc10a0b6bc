/**
 * AES-GCM packets (RFC 5647, as OpenSSH frames them) without copies: sealed where
 * they will be sent from, opened where they were read.
 *
 * They stand in for ssh2's classes of the same purpose and use the same native
 * code, one object per direction and key. What ssh2 allocates for each packet,
 * these take from the connection's output and from the chunk that was read.
 */
import { BufferPool } from "./buffer-pool.ts";
import { SshError } from "./errors.ts";
import { MSG } from "./messages.ts";
import { createPaddingPool } from "./padding.ts";
import type { SocketOutput } from "./socket-output.ts";
import type {
  NativeCipher,
  NativeDecipher,
  PacketCipher,
  PacketDecipher,
  PayloadResult,
  Protocol,
} from "./ssh2-internals.ts";

const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
const LENGTH_BYTES = 4;
/** Behind the length and the padding's length. */
const PAYLOAD_AT = 5;
/** CHANNEL_DATA before its bytes: number, channel, length. */
const DATA_HEADER_BYTES = 9;
/** ssh2's own bound, on everything but the length field. */
const MAX_PACKET_BYTES = 35_000;

const fillPadding = createPaddingPool();

type BufferView = new (memory: ArrayBufferLike, offset: number, length: number) => Buffer;
/** What `Buffer.from(memory, offset, length)` makes, without its checks. */
const View = (Buffer as unknown as { readonly [Symbol.species]: BufferView })[Symbol.species];

export class GcmCipher implements PacketCipher {
  readonly #native: NativeCipher;
  readonly #output: SocketOutput;
  outSeqno: number;
  #dead = false;

  constructor(native: NativeCipher, outSeqno: number, output: SocketOutput) {
    this.#native = native;
    this.outSeqno = outSeqno;
    this.#output = output;
  }

  /** A packet whose payload is to be put at offset 5, before `encrypt`. */
  allocPacket(payloadBytes: number): Buffer {
    const used = 1 + payloadBytes;
    let padding = BLOCK_BYTES - (used & (BLOCK_BYTES - 1));
    if (padding < 4) padding += BLOCK_BYTES;
    const packet = this.#output.reserve(LENGTH_BYTES + used + padding + TAG_BYTES);
    packet.writeUInt32BE(used + padding, 0);
    packet[LENGTH_BYTES] = padding;
    fillPadding(packet, LENGTH_BYTES + used, padding);
    return packet;
  }

  /** One CHANNEL_DATA, by the shortest way: nearly all packets are. */
  sendData(channel: number, data: Buffer): void {
    const packet = this.allocPacket(DATA_HEADER_BYTES + data.length);
    packet[PAYLOAD_AT] = MSG.CHANNEL_DATA;
    packet.writeUInt32BE(channel, PAYLOAD_AT + 1);
    packet.writeUInt32BE(data.length, PAYLOAD_AT + 5);
    packet.set(data, PAYLOAD_AT + DATA_HEADER_BYTES);
    this.encrypt(packet);
  }

  encrypt(packet: Buffer): void {
    if (this.#dead) return;
    this.#native.encrypt(packet);
    this.#output.commit(packet);
    this.outSeqno = (this.outSeqno + 1) >>> 0;
  }

  free(): void {
    this.#dead = true;
    this.#native.free();
  }
}

/** Packets that a chunk ended in the middle of. */
const partials = new BufferPool(LENGTH_BYTES + MAX_PACKET_BYTES + TAG_BYTES, 32);

export interface GcmDecipherOptions {
  readonly native: NativeDecipher;
  readonly inSeqno: number;
  readonly onPayload: (payload: Buffer) => PayloadResult;
  readonly owner?: GcmOwner;
}

/** Who is told what a decipher found. */
export interface GcmOwner {
  /** CHANNEL_DATA, by the shortest way, while no keys are exchanged. */
  data(payload: Buffer): PayloadResult;
  /** Whether no further payload is wanted now. */
  readonly paused: boolean;
  /** What was read and not opened because of that. Its memory is used again after the call. */
  rest(bytes: Buffer): void;
}

export class GcmDecipher implements PacketDecipher {
  readonly #native: NativeDecipher;
  readonly #owner: GcmOwner | undefined;
  readonly #ordinary: (payload: Buffer) => PayloadResult;
  inSeqno: number;
  /** ssh2 sets another one while keys are exchanged. */
  _onPayload: (payload: Buffer) => PayloadResult;
  /** The beginning of a packet whose rest has not arrived. */
  #partial: Buffer | undefined;
  #partialBytes = 0;

  constructor({ native, inSeqno, onPayload, owner }: GcmDecipherOptions) {
    this.#native = native;
    this.inSeqno = inSeqno;
    this._onPayload = onPayload;
    this.#ordinary = onPayload;
    this.#owner = owner;
  }

  free(): void {
    if (this.#partial !== undefined) partials.give(this.#partial);
    this.#partial = undefined;
    this.#partialBytes = 0;
  }

  /**
   * Opens the packets in `data`, which is changed, and hands on each payload.
   * Returns where to go on after a payload that asked to stop, as ssh2's do.
   * @throws SshError for a bad length, the native code's error for a bad tag.
   */
  decrypt(data: Buffer, start: number, end: number): number | undefined {
    let position = start;
    if (this.#partial !== undefined) {
      position = this.#complete(this.#partial, data, position, end);
      if (position < 0) return undefined;
      const stop = this.#stops(this.#openPartial(this.#partial), data, position, end);
      if (stop !== undefined) return stop;
    }
    while (position + LENGTH_BYTES <= end) {
      const next = position + LENGTH_BYTES + packetLength(data, position) + TAG_BYTES;
      if (next > end) break;
      const stop = this.#stops(this.#open(data, position, next), data, next, end);
      if (stop !== undefined) return stop;
      position = next;
    }
    if (position < end) this.#keep(data, position, end);
    return undefined;
  }

  /** What `decrypt` returns after a payload; undefined: it goes on behind it, at `position`. */
  #stops(said: PayloadResult, data: Buffer, position: number, end: number): number | undefined {
    if (said !== undefined) return said === false ? position : said;
    if (this.#owner?.paused !== true) return undefined;
    if (position < end) this.#owner.rest(data.subarray(position, end));
    return Infinity;
  }

  #keep(data: Buffer, start: number, end: number): void {
    const partial = partials.take();
    data.copy(partial, 0, start, end);
    this.#partial = partial;
    this.#partialBytes = end - start;
  }

  /** Adds what is missing. Returns the position behind it, or -1 when there is still not enough. */
  #complete(partial: Buffer, data: Buffer, start: number, end: number): number {
    let position = start;
    if (this.#partialBytes < LENGTH_BYTES) {
      position += this.#take(
        partial,
        data,
        position,
        Math.min(end, position + LENGTH_BYTES - this.#partialBytes),
      );
      if (this.#partialBytes < LENGTH_BYTES) return -1;
    }
    const whole = LENGTH_BYTES + packetLength(partial, 0) + TAG_BYTES;
    position += this.#take(partial, data, position, Math.min(end, position + whole - this.#partialBytes));
    return this.#partialBytes < whole ? -1 : position;
  }

  #take(partial: Buffer, data: Buffer, start: number, end: number): number {
    data.copy(partial, this.#partialBytes, start, end);
    this.#partialBytes += end - start;
    return end - start;
  }

  #openPartial(partial: Buffer): PayloadResult {
    const bytes = this.#partialBytes;
    this.#partial = undefined;
    this.#partialBytes = 0;
    try {
      return this.#open(partial, 0, bytes);
    } finally {
      partials.give(partial);
    }
  }

  /** One whole packet, tag included. */
  #open(data: Buffer, start: number, end: number): PayloadResult {
    const length = end - TAG_BYTES - LENGTH_BYTES - start;
    const { buffer, byteOffset } = data;
    const body = byteOffset + start + LENGTH_BYTES;
    const packet = new View(buffer, body, length);
    this.#native.decrypt(packet, length, new View(buffer, body + length, TAG_BYTES));
    this.inSeqno = (this.inSeqno + 1) >>> 0;
    const padding = packet[0] ?? 0;
    if (padding >= length) throw new SshError("SSH_PROTOCOL", "more padding than packet");
    const payload = payloadOf(buffer, body + 1, length - 1 - padding);
    const owner = this._onPayload === this.#ordinary ? this.#owner : undefined;
    return owner !== undefined && payload[0] === MSG.CHANNEL_DATA
      ? owner.data(payload)
      : this._onPayload(payload);
  }
}

const FIRST_REUSED = 93;
const LAST_REUSED = 95;

/** Channel data is looked at at once; of everything else somebody may keep a part, so it gets memory of its own. */
function payloadOf(buffer: ArrayBufferLike, start: number, length: number): Buffer {
  const payload = new View(buffer, start, length);
  const type = payload[0] ?? 0;
  return type >= FIRST_REUSED && type <= LAST_REUSED ? payload : Buffer.from(payload);
}

function packetLength(data: Buffer, at: number): number {
  const length = data.readUInt32BE(at);
  if (
    length + LENGTH_BYTES + TAG_BYTES > MAX_PACKET_BYTES ||
    length < BLOCK_BYTES ||
    length % BLOCK_BYTES !== 0
  )
    throw new SshError("SSH_PROTOCOL", `bad packet length ${length}`);
  return length;
}

/** ssh2's AES-GCM classes, by the names they have in the pinned crypto.js. */
interface Ssh2Gcm<N> {
  readonly _instance: N;
}

function isGcm<N>(made: object, name: string): made is Ssh2Gcm<N> {
  return made.constructor.name === name && "_instance" in made;
}

/** Puts these classes in the place of ssh2's, each time a key exchange makes new ones. */
export function hookGcm(protocol: Protocol, output: SocketOutput, owner: GcmOwner): void {
  let cipher = protocol._cipher;
  let decipher = protocol._decipher;
  Object.defineProperty(protocol, "_cipher", {
    configurable: true,
    enumerable: true,
    get: () => cipher,
    set(made: PacketCipher) {
      cipher = isGcm<NativeCipher>(made, "AESGCMCipherBinding")
        ? new GcmCipher(made._instance, made.outSeqno, output)
        : made;
    },
  });
  Object.defineProperty(protocol, "_decipher", {
    configurable: true,
    enumerable: true,
    get: () => decipher,
    set(made: PacketDecipher | undefined) {
      decipher =
        made !== undefined && isGcm<NativeDecipher>(made, "AESGCMDecipherBinding")
          ? new GcmDecipher({
              ...{ native: made._instance, inSeqno: made.inSeqno, onPayload: made._onPayload },
              owner,
            })
          : copying(made);
    },
  });
}

/** ssh2's other deciphers keep parts of what they are given from one chunk to the next. */
function copying(made: PacketDecipher | undefined): PacketDecipher | undefined {
  if (made === undefined) return undefined;
  const decrypt = made.decrypt.bind(made);
  made.decrypt = function decryptCopy(data, start, end) {
    const stop = decrypt(Buffer.from(data.subarray(start, end)), 0, end - start);
    return stop === undefined ? undefined : start + stop;
  };
  return made;
}
