/**
 * A channel as a node stream.
 *
 * `end()` sends EOF and leaves the other direction open; `close()` closes both
 * after what was written has left; `destroy()` closes at once. A stream of a
 * connection that dies closes without an 'error': 'close' is the one event to
 * wait for, so a forgotten listener cannot end the process.
 */
import { Duplex, Writable } from "node:stream";

import { ByteQueue } from "./byte-queue.ts";
import type { Answer, Channel, ChannelConsumer } from "./channel.ts";
import { SshError } from "./errors.ts";
import { STDERR } from "./messages.ts";

/** A channel for programs: a Duplex that also knows SSH's way of closing. */
export interface SshChannel extends Duplex {
  /** The channel type it was opened with, e.g. "direct-tcpip". */
  readonly type: string;
  /** Payload bytes received from and sent to the peer so far. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** True once the peer or the connection has closed the channel. */
  readonly closedByPeer: boolean;
  /** Called when the channel is over, before 'close' and whether or not anybody reads the stream to its end. */
  onOver: (() => void) | undefined;
  /** Sends what was written, then EOF, then CLOSE, without waiting for the peer's EOF. */
  close(): void;
}

interface Waiting {
  data: Buffer;
  readonly extended: number;
  readonly done: () => void;
}

/** What a stream holds before it asks its writer to wait. */
const HIGH_WATER_BYTES = 64 * 1024;

function ignoreError(): void {
  // A write after the end is the writer's mistake, not a reason for the process to die.
}

/** Channel requests of a stream go here; session.ts and client-session.ts set it. */
export type RequestHandler = (name: string, data: Buffer) => Answer;

export class ChannelStream extends Duplex implements SshChannel {
  readonly channel: Channel;
  readonly #incoming = new ByteQueue();
  readonly #outgoing: Waiting[] = [];
  #wanted = false;
  #ended = false;
  #closeAfterWrites = false;
  #closedByPeer = false;
  #finalDone: (() => void) | undefined;
  onRequest: RequestHandler = () => false;
  /** Extended data; dropped unless somebody wants it. */
  onExtended: ((chunk: Buffer, type: number) => void) | undefined;
  onOver: (() => void) | undefined;
  /** Whether the peer's requests count after our CLOSE. Only where they start nothing. */
  hearsOut = false;

  constructor(channel: Channel) {
    super({ readableHighWaterMark: HIGH_WATER_BYTES, writableHighWaterMark: HIGH_WATER_BYTES });
    this.channel = channel;
    this.on("error", ignoreError);
    channel.consume(this.#consumer());
    if (channel.closed) this.#over(true);
  }

  get type(): string {
    return this.channel.type;
  }

  get bytesReceived(): number {
    return this.channel.bytesReceived;
  }

  get bytesSent(): number {
    return this.channel.bytesSent;
  }

  get closedByPeer(): boolean {
    return this.#closedByPeer;
  }

  #consumer(): ChannelConsumer {
    const hearsOut = (): boolean => this.hearsOut;
    return {
      get hearsOut() {
        return hearsOut();
      },
      data: (chunk, extended) => {
        this.#receive(chunk, extended);
      },
      eof: () => {
        this.#ended = true;
        this.#deliver();
      },
      writable: () => {
        this.#pump();
      },
      request: (name, data) => this.onRequest(name, data),
      closed: (cut) => {
        this.#over(cut);
      },
    };
  }

  #receive(chunk: Buffer, extended: number): void {
    if (extended !== 0) {
      this.onExtended?.(Buffer.from(chunk), extended);
      if (this.onExtended === undefined) this.channel.consumed(chunk.length);
      return;
    }
    this.#incoming.push(chunk);
    if (this.#wanted) this.#deliver();
  }

  #deliver(): void {
    for (
      let chunk = this.#incoming.peek();
      this.#wanted && chunk !== undefined;
      chunk = this.#incoming.peek()
    ) {
      this.#incoming.skip(chunk.length);
      // The reader may ask again while it is given something: that must not be forgotten.
      this.#wanted = false;
      if (this.push(chunk)) this.#wanted = true;
      this.channel.consumed(chunk.length);
    }
    if (this.#ended && this.#incoming.length === 0 && !this.readableEnded) this.push(null);
  }

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.queue(chunk, 0, done);
  }

  /** Sends in order with everything else written; `done` when it has left. Closed channels swallow. */
  queue(data: Buffer, extended: number, done: () => void): void {
    this.#outgoing.push({ data, extended, done });
    if (this.#outgoing.length === 1) this.#pump();
  }

  #pump(): void {
    for (let head = this.#outgoing[0]; head !== undefined; head = this.#outgoing[0]) {
      const sent = this.channel.send(head.data, head.extended);
      if (sent < head.data.length) {
        head.data = head.data.subarray(sent);
        return;
      }
      this.#outgoing.shift();
      head.done();
    }
    this.#finish();
  }

  override _final(done: () => void): void {
    this.#finalDone = done;
    if (this.#outgoing.length === 0) this.#finish();
  }

  /** Nothing is left to send: EOF if the writer ended, CLOSE if it asked for it. */
  #finish(): void {
    const done = this.#finalDone;
    if (done === undefined) return;
    this.#finalDone = undefined;
    this.channel.sendEof();
    if (this.#closeAfterWrites) this.channel.sendClose();
    done();
  }

  /**
   * Gives the channel to another consumer, with what arrived so far and nobody
   * has read. @throws SshError when the stream is in use already.
   */
  detach(): ByteQueue {
    if (this.#wanted || this.readableLength > 0 || this.#outgoing.length > 0) {
      throw new SshError("SSH_BAD_OPTION", "the channel is already being read or written as a stream");
    }
    return this.#incoming;
  }

  close(): void {
    this.#closeAfterWrites = true;
    if (this.writableFinished || this.destroyed) this.channel.sendClose();
    else this.end();
    // Nobody has to read what we no longer want.
    this.#ended = true;
    this.resume();
  }

  #over(cut: boolean): void {
    this.#closedByPeer = true;
    this.onOver?.();
    for (const waiting of this.#outgoing.splice(0)) waiting.done();
    if (cut) {
      this.destroy();
      return;
    }
    // What arrived before the CLOSE is still the reader's; what is written from now on is swallowed.
    this.#ended = true;
    if (this.readableEnded) this.destroy();
    else this.once("end", () => this.destroy());
    this.#deliver();
    this.#finish();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#incoming.clear();
    for (const waiting of this.#outgoing.splice(0)) waiting.done();
    this.channel.sendEof();
    this.channel.sendClose();
    done(error);
  }
}

/** The implementation behind a channel of this package. @throws SshError for any other stream. */
export function streamOf(channel: SshChannel): ChannelStream {
  if (!(channel instanceof ChannelStream))
    throw new SshError("SSH_BAD_OPTION", "not a channel of this package");
  return channel;
}

/** A Writable of the channel's extended data stream 1, kept in order with its data. */
export function stderrOf(stream: ChannelStream): Writable {
  const stderr = new Writable({
    highWaterMark: HIGH_WATER_BYTES,
    write(chunk: Buffer, _encoding, done) {
      stream.queue(chunk, STDERR, done);
    },
  });
  stderr.on("error", ignoreError);
  return stderr;
}
