/**
 * The data types of the SSH protocol (RFC 4251, section 5) as bytes.
 *
 * The reader refuses what is truncated, over-long, trailing, not minimal or not
 * text; it never guesses. What the fields mean is a question for the other files.
 */

/** The only error that parsing untrusted bytes may raise. The message quotes no input. */
export class SshFormatError extends Error {
  readonly code = "SSH_FORMAT";
  override readonly name = "SshFormatError";
}

/** A field longer than this is never legitimate in a key, a signature or a certificate. */
const MAX_STRING_BYTES = 256 * 1024;
/** Key ids, principals, option names: far above what OpenSSH writes. */
const MAX_TEXT_BYTES = 4096;
/** OpenSSH's own bound for big numbers (SSHBUF_MAX_BIGNUM). */
const MAX_MPINT_BITS = 16_384;

// A byte order mark is part of the text here, so that reading and writing are inverse.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string {
  // A NUL ends a C string: what sshd sees and what we see would differ.
  if (bytes.includes(0)) throw new SshFormatError("text contains NUL");
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new SshFormatError("text is not UTF-8", { cause });
  }
}

/**
 * A copy for long keeping, in memory of its own. node's pooled copies (`Buffer.from`) hold 64 KiB
 * alive each: with ten thousand connections that is most of what they cost.
 */
export function keepCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Reads fields from the front of a message. Returned buffers are views into the input. */
export class SshReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How many bytes were read. */
  get position(): number {
    return this.#position;
  }

  /** How many bytes remain. */
  get left(): number {
    return this.#bytes.length - this.#position;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8));
  }

  /** Exactly `length` bytes without a length in front. */
  raw(length: number): Buffer {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A string of bytes, at most `max` long. */
  string(max: number = MAX_STRING_BYTES): Buffer {
    const length = this.u32();
    if (length > max) throw new SshFormatError(`field of ${length} bytes, at most ${max} allowed`);
    return this.raw(length);
  }

  /** A string that must be UTF-8 without NUL. */
  text(max: number = MAX_TEXT_BYTES): string {
    return decodeText(this.string(max));
  }

  /** A positive number in minimal form, returned without its sign byte. */
  mpint(maxBits: number = MAX_MPINT_BITS): Buffer {
    const bytes = this.string();
    const first = bytes[0];
    if (first === undefined) throw new SshFormatError("number is zero");
    if (first >= 0x80) throw new SshFormatError("number is negative");
    if (first === 0 && (bytes[1] ?? 0) < 0x80) throw new SshFormatError("number is not in minimal form");
    const magnitude = first === 0 ? bytes.subarray(1) : bytes;
    if (bitLength(magnitude) > maxBits) throw new SshFormatError(`number longer than ${maxBits} bits`);
    return magnitude;
  }

  /** Refuses anything after the last field. */
  end(): void {
    if (this.left !== 0) throw new SshFormatError(`${this.left} bytes after the end`);
  }

  #take(length: number): number {
    if (this.left < length) throw new SshFormatError("ends too early");
    const start = this.#position;
    this.#position += length;
    return start;
  }
}

/** Collects fields; `done` returns them as one message. */
export class SshWriter {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.raw(Buffer.from([value]));
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return this.raw(bytes);
  }

  u64(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    return this.raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  string(value: Uint8Array | string): this {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return this.u32(bytes.length).raw(bytes);
  }

  /** A non-negative number given as big-endian bytes, with or without leading zeros. */
  mpint(magnitude: Uint8Array): this {
    const start = magnitude.findIndex((byte) => byte !== 0);
    const minimal = start === -1 ? new Uint8Array() : magnitude.subarray(start);
    return this.string((minimal[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), minimal]) : minimal);
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** How many bits the big-endian number has, leading zeros not counted. */
export function bitLength(magnitude: Uint8Array): number {
  const start = magnitude.findIndex((byte) => byte !== 0);
  if (start === -1) return 0;
  return (magnitude.length - start) * 8 - (Math.clz32(magnitude[start] ?? 0) - 24);
}
