/**
 * Buffers that are used again.
 *
 * A relay that allocates for each packet makes V8 run a full collection every
 * few milliseconds, because memory outside its heap counts towards it. Whoever
 * takes a buffer here knows when its bytes are no longer needed and gives it back.
 */

export class BufferPool {
  readonly #size: number;
  readonly #keep: number;
  readonly #free: Buffer[] = [];

  /** Buffers of `size` bytes, of which up to `keep` are kept for later. */
  constructor(size: number, keep: number) {
    this.#size = size;
    this.#keep = keep;
  }

  get size(): number {
    return this.#size;
  }

  /** How many lie ready. */
  get free(): number {
    return this.#free.length;
  }

  /** A buffer with any content. The caller owns it. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  /** Nobody looks at it any more: the caller must have no view of it left. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.#keep) this.#free.push(buffer);
  }
}
