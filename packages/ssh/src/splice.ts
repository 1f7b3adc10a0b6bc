/**
 * Relays: two channels, or a channel and a socket, without node streams between
 * them. The peer's window is only re-opened for bytes the other side has taken,
 * so a stalled reader costs one window and stalls nobody else.
 *
 * Ends are relayed as they come: EOF as EOF, CLOSE after everything before it
 * was sent. A side whose connection is cut cuts the other at once.
 */
import type { Duplex } from "node:stream";

import { ByteQueue } from "./byte-queue.ts";
import type { Channel } from "./channel.ts";
import { streamOf } from "./channel-stream.ts";
import type { SshChannel } from "./channel-stream.ts";

/** A running relay. "In" is from the first argument to the second. */
export interface Splice {
  bytesIn(): number;
  bytesOut(): number;
  /** Resolves when both sides are closed. Never rejects. */
  readonly closed: Promise<void>;
  /** Cuts both sides now; bytes that wait are lost. */
  abort(): void;
}

/** What one side of a relay can do with bytes. */
interface Side {
  /** Takes bytes and returns how many; `Relay.writable` follows if it was not all. */
  send(data: Buffer): number;
  /** Bytes that came from this side have been taken by the other. */
  consumed(count: number): void;
  sendEof(): void;
  close(): void;
}

/** One direction: bytes of `from` to `to`. */
class Relay {
  readonly #from: Side;
  readonly #to: Side;
  readonly #queue = new ByteQueue();
  #eof = false;
  #closing = false;
  bytes = 0;
  /** Everything was sent, and the end of it said. */
  done = false;

  constructor(from: Side, to: Side) {
    this.#from = from;
    this.#to = to;
  }

  data(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.#queue.length > 0) {
      this.#queue.push(chunk);
      return;
    }
    const sent = this.#to.send(chunk);
    if (sent < chunk.length) this.#queue.push(chunk.subarray(sent));
    if (sent > 0) this.#from.consumed(sent);
  }

  /** `to` has room. */
  writable(): void {
    for (let chunk = this.#queue.peek(); chunk !== undefined; chunk = this.#queue.peek()) {
      const sent = this.#to.send(chunk);
      this.#queue.skip(sent);
      if (sent > 0) this.#from.consumed(sent);
      if (sent < chunk.length) return;
    }
    this.#finish();
  }

  /** `from` said that no more comes. */
  eof(): void {
    this.#eof = true;
    this.#finish();
  }

  /** `from` is closed: `to` is closed when it has what came before. */
  close(): void {
    this.#closing = true;
    this.#finish();
  }

  #finish(): void {
    if (this.#queue.length > 0) return;
    if ((this.#eof || this.#closing) && !this.done) {
      this.done = true;
      this.#to.sendEof();
    }
    if (this.#closing) this.#to.close();
  }

  /** Whether bytes wait for room. */
  get waiting(): boolean {
    return this.#queue.length > 0;
  }

  /** Forgets what waits: the other end is gone. */
  drop(): void {
    this.#queue.clear();
    this.done = true;
  }
}

function channelSide(channel: Channel): Side {
  return {
    send: (data) => channel.send(data),
    consumed: (count) => {
      channel.consumed(count);
    },
    sendEof: () => {
      channel.sendEof();
    },
    close: () => {
      channel.sendClose();
    },
  };
}

/** Which ends of a relay are over. */
class Ends {
  readonly closed: Promise<void>;
  #resolve: () => void = () => undefined;
  #open = 2;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** One side is over. */
  over(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#resolve();
  }

  /** Both are, whatever the peers still say. */
  allOver(): void {
    this.#open = 0;
    this.#resolve();
  }
}

/** One channel's part in a relay: `outward` carries what its peer sends, `inward` what it is sent. */
interface Attachment {
  readonly outward: Relay;
  readonly inward: Relay;
  /** The channel's peer closed it in good order. */
  readonly over: () => void;
  /** The channel's connection is gone. */
  readonly cut: () => void;
}

function attach(stream: SshChannel, { outward, inward, over, cut }: Attachment): void {
  const { channel } = streamOf(stream);
  // Both directions have ended: somebody has to say CLOSE.
  function closeWhenDone(): void {
    if (outward.done && inward.done) channel.sendClose();
  }
  function closed(): void {
    inward.drop();
    over();
    outward.close();
  }
  const early = streamOf(stream).detach();
  channel.consume({
    data(chunk, extended) {
      // Extended data has no place in a byte stream; OpenSSH drops it on forwarded channels too.
      if (extended === 0) outward.data(chunk);
      else channel.consumed(chunk.length);
    },
    eof() {
      outward.eof();
      closeWhenDone();
    },
    writable() {
      inward.writable();
      closeWhenDone();
    },
    request: () => false,
    closed(wasCut) {
      if (wasCut) cut();
      else closed();
    },
  });
  for (let chunk = early.peek(); chunk !== undefined; chunk = early.peek()) {
    early.skip(chunk.length);
    outward.data(chunk);
  }
  if (channel.wasCut) cut();
  else if (channel.closeReceived) closed();
  else if (channel.endReceived) outward.eof();
}

/** Relays two channels until both are closed. Nobody else may use them any more. */
export function spliceChannels(a: SshChannel, b: SshChannel): Splice {
  const { channel: first } = streamOf(a);
  const { channel: second } = streamOf(b);
  const aToB = new Relay(channelSide(first), channelSide(second));
  const bToA = new Relay(channelSide(second), channelSide(first));
  const ends = new Ends();
  function over(): void {
    ends.over();
  }
  function abort(): void {
    aToB.drop();
    bToA.drop();
    first.sendClose();
    second.sendClose();
    ends.allOver();
  }
  attach(a, { outward: aToB, inward: bToA, over, cut: abort });
  attach(b, { outward: bToA, inward: aToB, over, cut: abort });
  return { bytesIn: () => aToB.bytes, bytesOut: () => bToA.bytes, closed: ends.closed, abort };
}

/** How long a socket may take to deliver what a closed channel left for it. */
const SOCKET_LINGER_MS = 10_000;

/** A socket as a side: it takes everything, and says when it has had enough. */
class SocketSide implements Side {
  readonly #socket: Duplex;
  #blocked = false;
  /** Whether bytes of this socket wait for the other side. */
  behind: () => boolean = () => false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  send(data: Buffer): number {
    if (this.#blocked) return 0;
    if (!this.#socket.writable) return data.length;
    this.#blocked = !this.#socket.write(data);
    return data.length;
  }

  drained(): void {
    this.#blocked = false;
  }

  consumed(): void {
    if (!this.behind()) this.#socket.resume();
  }

  sendEof(): void {
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  close(): void {
    if (this.#socket.writableFinished) this.#socket.destroy();
    else this.#socket.once("finish", () => this.#socket.destroy());
  }
}

/**
 * Relays a channel and a connected socket until both are closed. "In" is from
 * the channel to the socket. The socket must be fresh, and made with
 * `allowHalfOpen: true` if its peer's EOF is not to end our sending.
 */
export function spliceSocket(stream: SshChannel, socket: Duplex): Splice {
  const { channel } = streamOf(stream);
  const side = new SocketSide(socket);
  const inbound = new Relay(channelSide(channel), side);
  const outbound = new Relay(side, channelSide(channel));
  const ends = new Ends();
  side.behind = () => outbound.waiting;
  function abort(): void {
    inbound.drop();
    outbound.drop();
    channel.sendClose();
    socket.destroy();
    ends.allOver();
  }
  function over(): void {
    ends.over();
    // A target that does not read must not keep a socket of somebody who has left.
    const timer = setTimeout(() => socket.destroy(), SOCKET_LINGER_MS);
    socket.once("close", () => {
      clearTimeout(timer);
    });
  }
  listenToSocket(socket, { side, inbound, outbound, ends });
  attach(stream, { outward: inbound, inward: outbound, over, cut: abort });
  return { bytesIn: () => inbound.bytes, bytesOut: () => outbound.bytes, closed: ends.closed, abort };
}

interface SocketRelays {
  readonly side: SocketSide;
  readonly inbound: Relay;
  readonly outbound: Relay;
  readonly ends: Ends;
}

function listenToSocket(socket: Duplex, { side, inbound, outbound, ends }: SocketRelays): void {
  socket.on("error", () => {
    // 'close' follows.
  });
  socket.on("data", (chunk: Buffer) => {
    outbound.data(chunk);
    if (outbound.waiting) socket.pause();
  });
  socket.on("drain", () => {
    side.drained();
    inbound.writable();
  });
  socket.on("end", () => {
    outbound.eof();
  });
  socket.on("close", () => {
    inbound.drop();
    ends.over();
    outbound.close();
  });
}
