/**
 * The parts of a relay: one direction of it, what a side can do with bytes, and
 * how a channel is attached. splice.ts and session-relay.ts put them together.
 *
 * The peer's window is only re-opened for bytes the other side has taken, so a
 * stalled reader costs one window and stalls nobody else.
 */
import type { Channel } from "./channel.ts";
import { streamOf } from "./channel-stream.ts";
import type { SshChannel } from "./channel-stream.ts";
import { FrameQueue } from "./frame-queue.ts";

/** What one side of a relay can do with bytes. */
export interface Side {
  /** Takes bytes and returns how many; `Relay.writable` follows if it was not all. */
  send(data: Buffer, extended: number): number;
  /** Bytes that came from this side have been taken by the other. */
  consumed(count: number): void;
  sendEof(): void;
  close(): void;
}

/** One direction: bytes of `from` to `to`. */
export class Relay {
  readonly #from: Side;
  readonly #to: Side;
  readonly #queue = new FrameQueue();
  #eof = false;
  #closing = false;
  bytes = 0;
  /** Everything was sent, and the end of it said. */
  done = false;

  constructor(from: Side, to: Side) {
    this.#from = from;
    this.#to = to;
  }

  data(chunk: Buffer, extended = 0): void {
    this.bytes += chunk.length;
    if (!this.#queue.empty) {
      this.#queue.push(chunk, extended);
      return;
    }
    const sent = this.#to.send(chunk, extended);
    if (sent < chunk.length) this.#queue.push(chunk.subarray(sent), extended);
    if (sent > 0) this.#from.consumed(sent);
  }

  /** Something that `from` said between its bytes: done once those before it have left. */
  say(step: () => void): void {
    if (this.#queue.empty) step();
    else this.#queue.then(step);
  }

  /** `to` has room. */
  writable(): void {
    this.#steps();
    for (let front = this.#queue.peek(); front !== undefined; front = this.#queue.peek()) {
      const sent = this.#to.send(front.data, front.extended);
      this.#queue.skip(sent);
      if (sent > 0) this.#from.consumed(sent);
      if (sent < front.data.length) return;
      this.#steps();
    }
    this.#finish();
  }

  #steps(): void {
    for (const step of this.#queue.takeSteps()) step();
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
    if (!this.#queue.empty) return;
    if ((this.#eof || this.#closing) && !this.done) {
      this.done = true;
      this.#to.sendEof();
    }
    if (this.#closing) this.#to.close();
  }

  /** Whether bytes wait for room. */
  get waiting(): boolean {
    return !this.#queue.empty;
  }

  /** Forgets what waits: the other end is gone. */
  drop(): void {
    this.#queue.clear();
    this.done = true;
  }
}

export function channelSide(channel: Channel): Side {
  return {
    send: (data, extended) => channel.send(data, extended),
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

/** A side of a relay, in the order of the arguments that it was made with. */
export type WhichEnd = "first" | "second";

/** Which ends of a relay are over. */
export class Ends {
  readonly closed: Promise<void>;
  readonly #open = new Set<WhichEnd>(["first", "second"]);
  #resolve: () => void = () => undefined;
  #endedBy: WhichEnd | undefined;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** The side that was over first; undefined when both were ended by their holder. */
  get endedBy(): WhichEnd | undefined {
    return this.#endedBy;
  }

  /** One side is over. */
  over(which: WhichEnd): void {
    if (this.#open.size === 2) this.#endedBy = which;
    this.#open.delete(which);
    if (this.#open.size === 0) this.#resolve();
  }

  /** Both are, whatever the peers still say. */
  allOver(): void {
    this.#open.clear();
    this.#resolve();
  }
}

/** One channel's part in a relay: `outward` carries what its peer sends, `inward` what it is sent. */
export interface Attachment {
  readonly outward: Relay;
  readonly inward: Relay;
  /** The channel's peer closed it in good order. */
  readonly over: () => void;
  /** The channel's connection is gone. */
  readonly cut: () => void;
  /** Whether extended data of this type goes on; the rest is dropped, as OpenSSH does on forwarded channels. */
  readonly carries?: (extended: number) => boolean;
  /**
   * The channel's part in a session. There two ends of data close nothing: the far side still says how it exited,
   * even to a client that has closed, and then closes by itself.
   */
  readonly session?: "near" | "far";
}

/** Takes the channel over. Requests still go to the stream's own handler. */
export function attach(near: SshChannel, attachment: Attachment): void {
  const { outward, inward, over, cut, carries, session } = attachment;
  const stream = streamOf(near);
  const { channel } = stream;
  // Both directions have ended: somebody has to say CLOSE.
  function closeWhenDone(): void {
    if (session === undefined && outward.done && inward.done) channel.sendClose();
  }
  function closed(): void {
    // What waits for a session's client is swallowed, but for how it exited.
    if (session === "near") inward.writable();
    else inward.drop();
    over();
    outward.close();
  }
  const early = stream.detach();
  channel.consume({
    hearsOut: session === "far",
    answersClose: session === "near",
    data(chunk, extended) {
      if (extended === 0 || carries?.(extended) === true) outward.data(chunk, extended);
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
    request: (name, data) => stream.onRequest(name, data),
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
