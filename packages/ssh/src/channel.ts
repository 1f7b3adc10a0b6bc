/**
 * One channel of RFC 4254, section 5: windows, packet sizes, EOF, CLOSE.
 *
 * No streams here. A channel hands every chunk to its consumer at once and
 * re-opens the peer's window only for bytes the consumer says it has passed on;
 * `send` takes what window, packet size and socket allow and says how much that
 * was. channel-stream.ts makes a Duplex of it, splice.ts connects two of them.
 */
import { SshError } from "./errors.ts";
import {
  CHANNEL_PACKET,
  LEAST_WINDOW,
  MAX_PENDING_REPLIES,
  MAX_WINDOW,
  TURN_BYTES,
  TYPED_WINDOW,
} from "./limits.ts";
import { MSG, numberMessage, windowAdjustMessage } from "./messages.ts";
import { Load } from "./load.ts";
import { ReceiveWindow } from "./receive-window.ts";
import type { RoundTrip } from "./round-trip.ts";
import { Typist } from "./typing.ts";
import type { Typing } from "./typing.ts";

/** What a channel needs of its connection. */
export interface ChannelHost {
  send(payload: Buffer): void;
  sendData(channel: number, data: Buffer, extended: number): void;
  /** Whether the socket takes data now. */
  canSend(): boolean;
  /** How far away the peer is. */
  readonly roundTrip: RoundTrip;
  /** Whether somebody types, in any of its channels. */
  readonly typing: Typing;
  /** Whether other channels wait for their turn. */
  readonly contended: boolean;
  /** Calls `channel.resume()` when it is this channel's turn; light ones come before the others. */
  wait(channel: Channel, light: boolean): void;
  /** The channel is closed on both sides: forget its number. */
  release(channel: Channel): void;
}

/**
 * Whether a request is accepted, or a function that takes the one to be told later: called while the deciding
 * message is handled, so that the answer goes out before what follows it.
 */
export type Answer = boolean | ((reply: (accepted: boolean) => void) => void);

/** Who uses a channel. Calls are synchronous and must not throw. */
export interface ChannelConsumer {
  /**
   * `extended` is 0 for the data stream. `consumed(chunk.length)` is owed later. The chunk's memory is used
   * again after the call: what is kept must be copied.
   */
  data(chunk: Buffer, extended: number): void;
  eof(): void;
  /** There is room again after `send` took less than it was given. */
  writable(): void;
  /** A channel request. */
  request(name: string, data: Buffer): Answer;
  /** Nothing will come any more. `cut`: the connection is gone, unsent bytes are lost. */
  closed(cut: boolean): void;
  /** After our CLOSE the peer's requests still count, until its own CLOSE: a session says how it exited. */
  readonly hearsOut?: boolean;
  /** The peer's CLOSE is answered by the consumer, once it has said what is left. Otherwise at once. */
  readonly answersClose?: boolean;
}

function nobody(): void {
  // A channel that is only closed again has no consumer.
}

function ignore(): void {
  // The peer wants no answer.
}

const NOBODY: ChannelConsumer = {
  data: nobody,
  eof: nobody,
  writable: nobody,
  request: () => false,
  closed: nobody,
};

/** One side's numbers, from CHANNEL_OPEN or its confirmation. */
export interface RemoteChannel {
  readonly id: number;
  readonly window: number;
  readonly packetSize: number;
}

export class Channel {
  readonly type: string;
  readonly localId: number;
  readonly #host: ChannelHost;
  readonly #remoteId: number;
  readonly #packetSize: number;
  #consumer: ChannelConsumer = NOBODY;
  #sendWindow: number;
  readonly #window: ReceiveWindow;
  readonly #load: Load;
  readonly #typist: Typist;
  #sentEof = false;
  #sentClose = false;
  #gotEof = false;
  #gotClose = false;
  #cut = false;
  #waiting = false;
  readonly #replies: ((accepted: boolean) => void)[] = [];
  /** The peer's requests that are still being decided, and those decided meanwhile: answers keep their order. */
  readonly #answers: { accepted: boolean | undefined }[] = [];
  bytesReceived = 0;
  bytesSent = 0;

  constructor(host: ChannelHost, type: string, localId: number, remote: RemoteChannel) {
    this.#host = host;
    this.type = type;
    this.localId = localId;
    this.#remoteId = remote.id;
    this.#sendWindow = remote.window;
    const { roundTrip, typing } = host;
    const now = roundTrip.now();
    this.#window = new ReceiveWindow({
      roundTrip,
      least: () => (typing.active(roundTrip.now()) ? TYPED_WINDOW : LEAST_WINDOW),
    });
    this.#load = new Load(now);
    this.#typist = new Typist(typing, now);
    // Larger packets than we promise to read ourselves gain nothing.
    this.#packetSize = Math.min(remote.packetSize, CHANNEL_PACKET);
  }

  /** True while bytes can still be sent. */
  get sendable(): boolean {
    return !this.#sentEof && !this.#sentClose && !this.#gotClose && !this.#cut;
  }

  get endReceived(): boolean {
    return this.#gotEof || this.#gotClose || this.#cut;
  }

  /** The connection died under the channel. */
  get wasCut(): boolean {
    return this.#cut;
  }

  get closeReceived(): boolean {
    return this.#gotClose;
  }

  get closed(): boolean {
    return this.#cut || (this.#sentClose && this.#gotClose);
  }

  /** Who gets what arrives from now on. A new consumer replaces the old one. */
  consume(consumer: ChannelConsumer): void {
    this.#consumer = consumer;
  }

  /** Sends as much as may go now and returns how much; `writable` follows if it was not all. Closed channels swallow. */
  send(data: Buffer, extended = 0): number {
    if (!this.sendable) return data.length;
    if (this.#waiting) return 0;
    // While others wait, each turn is bounded, so that one bulk copy does not starve them.
    const turn = this.#host.contended ? Math.min(data.length, TURN_BYTES) : data.length;
    const sent = this.#sendPackets(data, turn, extended);
    this.bytesSent += sent;
    this.#load.add(sent);
    this.#typist.sent(sent);
    // Without window the peer's WINDOW_ADJUST resumes us; otherwise the socket does.
    if (sent < data.length && this.#sendWindow > 0) this.#wait(data.length - sent);
    return sent;
  }

  #sendPackets(data: Buffer, limit: number, extended: number): number {
    let sent = 0;
    while (sent < limit && this.#sendWindow > 0 && this.#host.canSend()) {
      const size = Math.min(limit - sent, this.#sendWindow, this.#packetSize);
      const part = size === data.length ? data : data.subarray(sent, sent + size);
      this.#sendWindow -= size;
      sent += size;
      this.#host.sendData(this.#remoteId, part, extended);
    }
    return sent;
  }

  #wait(wanted: number): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#host.wait(this, this.#load.light(wanted, this.#host.roundTrip.now()));
  }

  /** The connection's scheduler: it is this channel's turn. */
  resume(): void {
    this.#waiting = false;
    if (this.sendable) this.#consumer.writable();
  }

  /** The consumer passed `count` bytes on: the peer may send as many again. */
  consumed(count: number): void {
    if (this.endReceived || this.#sentClose) return;
    const adjust = this.#window.consumed(count);
    if (adjust > 0) this.#host.send(windowAdjustMessage(this.#remoteId, adjust));
  }

  /** Says that no more data will be sent; the other direction goes on. */
  sendEof(): void {
    if (!this.sendable) return;
    this.#sentEof = true;
    this.#host.send(numberMessage(MSG.CHANNEL_EOF, this.#remoteId));
  }

  /** Closes both directions. What was not sent is lost. */
  sendClose(): void {
    if (this.#sentClose || this.#cut) return;
    this.#window.close();
    this.#sentClose = true;
    this.#host.send(numberMessage(MSG.CHANNEL_CLOSE, this.#remoteId));
    this.#releaseIfClosed();
  }

  #releaseIfClosed(): void {
    if (this.#sentClose && this.#gotClose) this.#host.release(this);
  }

  /** Sends a channel request; `reply`, if given, asks for an answer and gets it. */
  sendRequest(name: string, data: Buffer, reply?: (accepted: boolean) => void): void {
    // After the peer's CLOSE it hears us until ours, but answers nothing.
    if (this.#sentClose || this.#cut || (this.#gotClose && reply !== undefined)) {
      reply?.(false);
      return;
    }
    if (reply !== undefined) {
      if (this.#replies.length >= MAX_PENDING_REPLIES) {
        throw new SshError("SSH_REQUEST_REFUSED", "too many unanswered channel requests");
      }
      this.#replies.push(reply);
    }
    const head = Buffer.allocUnsafe(10 + name.length);
    head[0] = MSG.CHANNEL_REQUEST;
    head.writeUInt32BE(this.#remoteId, 1);
    head.writeUInt32BE(name.length, 5);
    head.write(name, 9, "latin1");
    head[9 + name.length] = reply === undefined ? 0 : 1;
    this.#host.send(Buffer.concat([head, data]));
  }

  // ---- what the connection calls when messages arrive; a throw ends the connection

  /** CHANNEL_DATA and CHANNEL_EXTENDED_DATA. */
  receiveData(chunk: Buffer, extended: number): void {
    if (chunk.length > CHANNEL_PACKET || !this.#window.received(chunk.length)) {
      throw new SshError("SSH_PROTOCOL", "peer overran its channel window");
    }
    if (this.#gotEof || this.#gotClose) throw new SshError("SSH_PROTOCOL", "channel data after its end");
    this.bytesReceived += chunk.length;
    this.#typist.received(chunk.length, this.#host.roundTrip.now());
    // After our CLOSE crossed with data, nobody wants it.
    if (chunk.length > 0 && !this.#sentClose) this.#consumer.data(chunk, extended);
  }

  receiveWindowAdjust(count: number): void {
    this.#sendWindow += count;
    if (this.#sendWindow > MAX_WINDOW) throw new SshError("SSH_PROTOCOL", "peer overflowed a channel window");
    if (!this.#waiting && this.sendable) this.#consumer.writable();
  }

  receiveEof(): void {
    if (this.#gotEof || this.#gotClose) return;
    this.#window.close();
    this.#gotEof = true;
    if (!this.#sentClose) this.#consumer.eof();
  }

  receiveClose(): void {
    if (this.#gotClose) return;
    this.#window.close();
    this.#gotClose = true;
    this.#dropReplies();
    this.#consumer.closed(false);
    // RFC 4254, section 5.3: CLOSE is answered with CLOSE.
    if (this.#sentClose) this.#releaseIfClosed();
    else if (this.#consumer.answersClose !== true) this.sendClose();
  }

  receiveRequest(name: string, wantReply: boolean, data: Buffer): void {
    const heard = !this.#gotClose && (!this.#sentClose || this.#consumer.hearsOut === true);
    const decided = heard && this.#consumer.request(name, data);
    if (!wantReply) {
      if (typeof decided === "function") decided(ignore);
      return;
    }
    if (this.#answers.length >= MAX_PENDING_REPLIES) {
      throw new SshError("SSH_PROTOCOL", "too many channel requests at once");
    }
    const answer: { accepted: boolean | undefined } = { accepted: undefined };
    this.#answers.push(answer);
    const reply = (accepted: boolean): void => {
      answer.accepted ??= accepted;
      this.#sendAnswers();
    };
    if (typeof decided === "function") decided(reply);
    else reply(decided);
  }

  #sendAnswers(): void {
    for (let first = this.#answers[0]; first?.accepted !== undefined; first = this.#answers[0]) {
      this.#answers.shift();
      if (this.#sentClose || this.#cut) continue;
      const type = first.accepted ? MSG.CHANNEL_SUCCESS : MSG.CHANNEL_FAILURE;
      this.#host.send(numberMessage(type, this.#remoteId));
    }
  }

  receiveReply(accepted: boolean): void {
    const reply = this.#replies.shift();
    if (reply === undefined) throw new SshError("SSH_PROTOCOL", "answer to a request that was not made");
    reply(accepted);
  }

  /** The connection is gone. */
  cut(): void {
    if (this.#cut) return;
    this.#window.close();
    const told = this.#gotClose;
    this.#cut = true;
    this.#dropReplies();
    if (!told) this.#consumer.closed(true);
  }

  #dropReplies(): void {
    for (const reply of this.#replies.splice(0)) reply(false);
  }
}
