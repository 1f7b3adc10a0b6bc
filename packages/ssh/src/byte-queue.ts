/**
 * Bytes that wait for room on the other side: copies, because what arrived is
 * only there while it is handled (socket-input.ts).
 *
 * A peer may fill its window with 1-byte packets. Kept one by one, each would
 * cost a Buffer of a hundred bytes; so small chunks are copied together.
 */
import { COALESCE_BELOW_BYTES } from "./limits.ts";

const TAIL_BYTES = 16 * 1024;

export class ByteQueue {
  readonly #chunks: Buffer[] = [];
  /** The last chunk when it is ours to append to, and how much of it is used. */
  #tail: Buffer | undefined;
  #tailUsed = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** How many buffers hold the bytes: what the queue costs beyond them. */
  get chunks(): number {
    return this.#chunks.length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    if (chunk.length >= COALESCE_BELOW_BYTES) {
      this.#chunks.push(Buffer.from(chunk));
      this.#tail = undefined;
    } else {
      this.#append(chunk);
    }
  }

  #append(chunk: Buffer): void {
    if (this.#tail === undefined || this.#tailUsed + chunk.length > this.#tail.length) {
      this.#tail = Buffer.allocUnsafeSlow(TAIL_BYTES);
      this.#tailUsed = 0;
      this.#chunks.push(this.#tail.subarray(0, 0));
    }
    const last = this.#chunks.length - 1;
    const start = this.#tailUsed - (this.#chunks[last]?.length ?? 0);
    chunk.copy(this.#tail, this.#tailUsed);
    this.#tailUsed += chunk.length;
    this.#chunks[last] = this.#tail.subarray(start, this.#tailUsed);
  }

  /** The bytes at the front, as they lie together; undefined when empty. */
  peek(): Buffer | undefined {
    return this.#chunks[0];
  }

  /** Drops `count` bytes of what `peek` returned. */
  skip(count: number): void {
    const first = this.#chunks[0];
    if (first === undefined || count === 0) return;
    this.#length -= count;
    if (count < first.length) {
      this.#chunks[0] = first.subarray(count);
      return;
    }
    this.#chunks.shift();
    if (this.#chunks.length === 0) this.#tail = undefined;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#tail = undefined;
    this.#length = 0;
  }
}
