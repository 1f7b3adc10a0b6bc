/**
 * What carries a connection: bytes in, bytes out, and two ends. A TCP socket, a
 * channel of another connection (channel-wire.ts), or any stream of node's.
 *
 * Writing has two steps, because most of what is sent can leave at once: `send`
 * takes what there is room for and is done with it, `write` keeps the rest until
 * there is room. A stream of node's would ask for five callbacks in between.
 */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";

import { ChannelStream } from "./channel-stream.ts";
import { ChannelWire } from "./channel-wire.ts";
import { readSocket } from "./socket-input.ts";

/** How a wire ends. */
export interface WireEnds {
  /** It broke; `close` follows. */
  readonly error: (error: Error) => void;
  /** The peer sends no more. */
  readonly end: () => void;
  /** It is over, both ways. Never called from within a call of ours. */
  readonly close: () => void;
}

export interface Wire {
  /** Calls `take` with each chunk from now on. Its memory is used again after the call. */
  read(take: (chunk: Buffer) => void): void;
  pause(): void;
  resume(): void;
  /**
   * Takes what can leave now and returns how many bytes that was: none while something waits, which comes first.
   * Their memory is the caller's again.
   */
  send(data: Buffer): number;
  /** Takes all of it; `done` when it has left. */
  write(data: Buffer, done: () => void): void;
  /** Bytes that `write` was given and that have not left. */
  readonly waiting: number;
  /** Whether the memory that `write` was given is the caller's again when it is done. */
  readonly releases: boolean;
  /** Whether bytes can still be sent. */
  readonly open: boolean;
  /** Until `uncork` nothing leaves. */
  cork(): void;
  uncork(): void;
  /** Nothing more will be sent; what waits still leaves. */
  end(): void;
  /** Ends both directions now. */
  destroy(): void;
  onClose(listener: () => void): void;
  listen(ends: WireEnds): void;
}

/** The wire in a stream, which is nobody else's from now on. */
export function wireOf(stream: Duplex): Wire {
  if (stream instanceof ChannelStream) return new ChannelWire(stream);
  const tcp = stream instanceof Socket && !(stream instanceof TLSSocket);
  return tcp ? new SocketWire(stream) : new StreamWire(stream);
}

/** Any stream. Who reads it may keep what it is given, so what is written is never ours again. */
class StreamWire<S extends Duplex = Duplex> implements Wire {
  protected readonly stream: S;
  readonly releases: boolean = false;

  constructor(stream: S) {
    this.stream = stream;
  }

  read(take: (chunk: Buffer) => void): void {
    readSocket(this.stream, take);
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  send(_data: Buffer): number {
    return 0;
  }

  write(data: Buffer, done: () => void): void {
    this.stream.write(data, done);
  }

  get waiting(): number {
    return this.stream.writableLength;
  }

  get open(): boolean {
    return !this.stream.destroyed && !this.stream.writableEnded;
  }

  cork(): void {
    this.stream.cork();
  }

  uncork(): void {
    this.stream.uncork();
  }

  end(): void {
    this.stream.end();
  }

  destroy(): void {
    this.stream.destroy();
  }

  onClose(listener: () => void): void {
    this.stream.once("close", listener);
  }

  listen({ error, end, close }: WireEnds): void {
    this.stream.on("error", error).on("end", end).on("close", close);
  }
}

interface Handle {
  /** -1 once it is closed. */
  readonly fd?: number;
}

/** A TCP socket: what the kernel takes at once does not go through node's stream at all. */
class SocketWire extends StreamWire<Socket> {
  override readonly releases: boolean = true;

  override send(data: Buffer): number {
    const { stream } = this;
    // What waits in the stream comes first.
    if (stream.writableLength > 0 || stream.writableCorked > 0 || !this.open) return 0;
    // Asked for each time: a number that was closed may be somebody else's socket by now.
    const fd = (stream as { readonly _handle?: Handle | null })._handle?.fd ?? -1;
    if (fd < 0) return 0;
    try {
      return writeSync(fd, data);
    } catch {
      // Full, or broken: the stream waits, or says so.
      return 0;
    }
  }
}
