/**
 * What leaves on a wire: packets are made in place, one behind the other, and
 * sent together at the end of the turn.
 *
 * Their memory is used again once the wire is done with it. Streams of node's may
 * keep what they are given (a test's pair hands it to the other side), so theirs
 * never is.
 */
import { BufferPool } from "./buffer-pool.ts";
import { atTurnEnd } from "./turn.ts";
import type { AtTurnEnd } from "./turn.ts";
import type { Wire } from "./wire.ts";

/** Holds the eight largest packets that one read brings (socket-input.ts), so that they leave in one write. */
const SLAB_BYTES = 272 * 1024;
/** 8 MiB kept: as many connections may be in the middle of sending at once without allocating. */
const slabs = new BufferPool(SLAB_BYTES, 32);

export class SocketOutput implements AtTurnEnd {
  readonly #wire: Wire;
  #slab: Buffer | undefined;
  /** What is in the slab and not yet written: from `start` to `end`. */
  #start = 0;
  #end = 0;
  /** Slabs that the wire may still be reading, and how many writes are under way. */
  #busy: Buffer[] = [];
  #writes = 0;
  #scheduled = false;
  /** Everything left at once, and nobody was told yet. */
  #sent = false;
  readonly #drained: () => void;
  readonly #written: () => void;
  /** Bytes ever committed. */
  bytes = 0;

  /** `drained` is called whenever everything written so far has been taken. */
  constructor(wire: Wire, drained: () => void) {
    this.#wire = wire;
    this.#drained = drained;
    this.#written = () => {
      this.#writes -= 1;
      if (this.#writes > 0) return;
      this.#release();
      drained();
    };
    wire.onClose(() => {
      this.#release();
    });
  }

  /** Bytes that have been given to us and not yet to the kernel. */
  get pending(): number {
    return this.#end - this.#start + this.#wire.waiting;
  }

  /** Room for `size` bytes; `commit` sends it. A second call before that takes the room back. */
  reserve(size: number): Buffer {
    if (!this.#wire.releases || size > SLAB_BYTES) return Buffer.allocUnsafe(size);
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
    atTurnEnd(this);
  }

  turnEnds(): void {
    this.#scheduled = false;
    this.flush();
    if (!this.#sent) return;
    this.#sent = false;
    if (this.pending === 0) this.#drained();
  }

  /** Sends a copy of `data`, together with everything else of this turn. */
  copy(data: Buffer): void {
    const room = this.reserve(data.length);
    room.set(data);
    this.commit(room);
  }

  /** Sends what is committed. */
  flush(): void {
    if (this.#slab === undefined || this.#end === this.#start) return;
    const data = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#write(data);
    if (this.#writes === 0) this.#release();
  }

  #write(data: Buffer): void {
    if (!this.#wire.open) return;
    const sent = this.#wire.send(data);
    if (sent === data.length) {
      this.#sent = true;
      return;
    }
    this.#writes += 1;
    this.#wire.write(sent === 0 ? data : data.subarray(sent), this.#written);
  }

  /** The slab is full: the next packet goes to another, unless everything in it has left. */
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
