/**
 * What leaves on a socket: packets are made in place, one behind the other, and
 * written together at the end of the turn.
 *
 * On a TCP socket the kernel has the bytes once the stream says that nothing is
 * left to write; the memory is then used again. Other streams may keep what they
 * are given (a test's pair hands it to the other side), so theirs is never reused.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";

import { BufferPool } from "./buffer-pool.ts";

/** Holds the eight largest packets that one read brings (socket-input.ts), so that they leave in one write. */
const SLAB_BYTES = 272 * 1024;
/** 8 MiB kept: as many connections may be in the middle of sending at once without allocating. */
const slabs = new BufferPool(SLAB_BYTES, 32);

/** Outputs with something to write at the end of this turn. */
let dirty: SocketOutput[] = [];

function flushAll(): void {
  const outputs = dirty;
  dirty = [];
  for (const output of outputs) output.flush();
}

function isPlainTcp(socket: Duplex): boolean {
  return socket instanceof Socket && !(socket instanceof TLSSocket);
}

export class SocketOutput {
  readonly #socket: Duplex;
  readonly #reuses: boolean;
  #slab: Buffer | undefined;
  /** What is in the slab and not yet written: from `start` to `end`. */
  #start = 0;
  #end = 0;
  /** Slabs that the socket may still be reading, and how many writes are under way. */
  #busy: Buffer[] = [];
  #writes = 0;
  #scheduled = false;
  readonly #written: () => void;
  /** Bytes ever committed. */
  bytes = 0;

  /** `drained` is called whenever everything written so far has been taken. */
  constructor(socket: Duplex, drained: () => void) {
    this.#socket = socket;
    this.#reuses = isPlainTcp(socket);
    this.#written = () => {
      this.#writes -= 1;
      if (this.#writes > 0) return;
      this.#release();
      drained();
    };
    socket.once("close", () => {
      this.#release();
    });
  }

  /** Bytes that have been given to us and not yet to the kernel. */
  get pending(): number {
    return this.#end - this.#start + this.#socket.writableLength;
  }

  /** Room for `size` bytes; `commit` sends it. A second call before that takes the room back. */
  reserve(size: number): Buffer {
    if (!this.#reuses || size > SLAB_BYTES) return Buffer.allocUnsafe(size);
    if (this.#slab !== undefined && this.#end + size > SLAB_BYTES) this.#change();
    this.#slab ??= slabs.take();
    return this.#slab.subarray(this.#end, this.#end + size);
  }

  /** The room that `reserve` gave has been filled. */
  commit(data: Buffer): void {
    this.bytes += data.length;
    if (data.buffer !== this.#slab?.buffer) {
      this.#write(data);
      return;
    }
    this.#end += data.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    dirty.push(this);
    if (dirty.length === 1) process.nextTick(flushAll);
  }

  /** Sends a copy of `data`, together with everything else of this turn. */
  copy(data: Buffer): void {
    const room = this.reserve(data.length);
    room.set(data);
    this.commit(room);
  }

  /** Writes what is committed. */
  flush(): void {
    this.#scheduled = false;
    if (this.#slab === undefined || this.#end === this.#start) return;
    const data = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#write(data);
    if (this.#socket.writableLength === 0) this.#release();
  }

  #write(data: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#writes += 1;
    this.#socket.write(data, this.#written);
  }

  /** The slab is full: the next packet goes to another. */
  #change(): void {
    this.flush();
    if (this.#slab === undefined) return;
    this.#busy.push(this.#slab);
    this.#slab = undefined;
    this.#start = 0;
    this.#end = 0;
  }

  /** Nothing that was written is still being read. */
  #release(): void {
    for (const slab of this.#busy) slabs.give(slab);
    if (this.#busy.length > 0) this.#busy = [];
    if (this.#slab === undefined || this.#start !== this.#end) return;
    slabs.give(this.#slab);
    this.#slab = undefined;
    this.#start = 0;
    this.#end = 0;
  }
}
