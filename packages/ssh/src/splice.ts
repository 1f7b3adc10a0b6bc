/**
 * Relays: two channels, or a channel and a socket, without node streams between
 * them.
 *
 * Ends are relayed as they come: EOF as EOF, CLOSE after everything before it
 * was sent. A side whose connection is cut cuts the other at once.
 */
import type { Duplex } from "node:stream";

import { streamOf } from "./channel-stream.ts";
import type { SshChannel } from "./channel-stream.ts";
import { attach, channelSide, Ends, Relay } from "./relay.ts";
import type { Attachment, Side, WhichEnd } from "./relay.ts";
import { SOCKET_HIGH_BYTES } from "./limits.ts";
import { readSocket } from "./socket-input.ts";
import { SocketOutput } from "./socket-output.ts";
import { wireOf } from "./wire.ts";

/** A running relay. "In" is from the first argument to the second. */
export interface Splice {
  bytesIn(): number;
  bytesOut(): number;
  /** Resolves when both sides are closed. Never rejects. */
  readonly closed: Promise<void>;
  /** The side that was over first; undefined while both live, and after `abort`. */
  endedBy(): WhichEnd | undefined;
  /** Cuts both sides now; bytes that wait are lost. */
  abort(): void;
}

/** Relays two channels until both are closed. Nobody else may use them any more. */
export function spliceChannels(a: SshChannel, b: SshChannel): Splice {
  const { channel: first } = streamOf(a);
  const { channel: second } = streamOf(b);
  const aToB = new Relay(channelSide(first), channelSide(second));
  const bToA = new Relay(channelSide(second), channelSide(first));
  const ends = new Ends();
  function abort(): void {
    aToB.drop();
    bToA.drop();
    first.sendClose();
    second.sendClose();
    ends.allOver();
  }
  attach(a, { outward: aToB, inward: bToA, ...endOf("first", ends, abort) });
  attach(b, { outward: bToA, inward: aToB, ...endOf("second", ends, abort) });
  return { bytesIn: () => aToB.bytes, bytesOut: () => bToA.bytes, ...statusOf(ends), abort };
}

/** What happens when one side is over, or its connection gone. */
export function endOf(which: WhichEnd, ends: Ends, abort: () => void): Pick<Attachment, "over" | "cut"> {
  return {
    over: () => {
      ends.over(which);
    },
    cut: () => {
      ends.over(which);
      abort();
    },
  };
}

/** What a relay says about its end. */
export function statusOf(ends: Ends): Pick<Splice, "closed" | "endedBy"> {
  return { closed: ends.closed, endedBy: () => ends.endedBy };
}

/** How long a socket may take to deliver what a closed channel left for it. */
const SOCKET_LINGER_MS = 10_000;

/** A socket as a side: it takes everything, and says when it has had enough. */
class SocketSide implements Side {
  readonly #socket: Duplex;
  readonly #output: SocketOutput;
  #blocked = false;
  /** Whether bytes of this socket wait for the other side. */
  behind: () => boolean = () => false;
  /** The socket takes bytes again. */
  writable: () => void = () => undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#output = new SocketOutput(wireOf(socket), () => {
      if (!this.#blocked) return;
      this.#blocked = false;
      this.writable();
    });
  }

  send(data: Buffer): number {
    if (this.#blocked) return 0;
    if (!this.#socket.writable) return data.length;
    this.#output.copy(data);
    this.#blocked = this.#output.pending > SOCKET_HIGH_BYTES;
    return data.length;
  }

  consumed(): void {
    if (!this.behind()) this.#socket.resume();
  }

  sendEof(): void {
    this.#output.flush();
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  close(): void {
    this.#output.flush();
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
  side.writable = () => {
    inbound.writable();
  };
  function abort(): void {
    inbound.drop();
    outbound.drop();
    channel.sendClose();
    socket.destroy();
    ends.allOver();
  }
  function over(): void {
    ends.over("first");
    // A target that does not read must not keep a socket of somebody who has left.
    const timer = setTimeout(() => socket.destroy(), SOCKET_LINGER_MS);
    socket.once("close", () => {
      clearTimeout(timer);
    });
  }
  listenToSocket(socket, { inbound, outbound, ends });
  attach(stream, { outward: inbound, inward: outbound, ...endOf("first", ends, abort), over });
  return { bytesIn: () => inbound.bytes, bytesOut: () => outbound.bytes, ...statusOf(ends), abort };
}

interface SocketRelays {
  readonly inbound: Relay;
  readonly outbound: Relay;
  readonly ends: Ends;
}

function listenToSocket(socket: Duplex, { inbound, outbound, ends }: SocketRelays): void {
  socket.on("error", () => {
    // 'close' follows.
  });
  readSocket(socket, (chunk) => {
    outbound.data(chunk);
    if (outbound.waiting) socket.pause();
  });
  socket.on("end", () => {
    outbound.eof();
  });
  socket.on("close", () => {
    inbound.drop();
    ends.over("second");
    outbound.close();
  });
}
