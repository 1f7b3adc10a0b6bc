/**
 * RFC 4254 over one transport: global requests and the table of channels.
 *
 * It knows no channel type. Who may open what is decided by the handlers that
 * `onOpen` registers; a type without a handler is refused. Numbers a peer may
 * choose are checked here, before a channel exists.
 */
import { SshReader, SshWriter } from "@teleport-access/sshcert";

import { Channel } from "./channel.ts";
import type { ChannelHost, RemoteChannel } from "./channel.ts";
import { answeredOnce, REFUSAL_OF } from "./channel-request.ts";
import type { ChannelRefusal, ChannelRequest, OpenHandler } from "./channel-request.ts";
import { ChannelRefusedError, OPEN_REFUSAL, SshError } from "./errors.ts";
import type { OpenRefusal } from "./errors.ts";
import {
  CHANNEL_OPEN_MS,
  CHANNEL_PACKET,
  CHANNEL_WINDOW,
  MAX_NAME_BYTES,
  MAX_PENDING_REPLIES,
  MAX_TEXT_BYTES,
  MIN_CHANNEL_PACKET,
} from "./limits.ts";
import { IGNORE, KEEPALIVE, MSG } from "./messages.ts";
import { Openings } from "./openings.ts";
import { RoundTrip } from "./round-trip.ts";
import { SendQueue } from "./send-queue.ts";
import type { Transport } from "./transport.ts";
import { Typing } from "./typing.ts";

/** Requests without meaning for us; OpenSSH sends them as keep-alive and expects a FAILURE. */
const NO_MORE_SESSIONS = "no-more-sessions@openssh.com";
const HOST_KEYS = "hostkeys-00@openssh.com";

/** CHANNEL_DATA before its bytes: number, channel, length. */
const DATA_HEADER_BYTES = 9;

export class ConnectionLayer implements ChannelHost {
  readonly #transport: Transport;
  readonly #maxChannels: number;
  readonly #channels = new Map<number, Channel>();
  readonly #openings = new Openings();
  readonly roundTrip: RoundTrip = new RoundTrip(() => {
    this.ping();
  });
  readonly typing: Typing = new Typing();
  readonly #handlers = new Map<string, OpenHandler>();
  readonly #queue = new SendQueue();
  readonly #globalReplies: (() => void)[] = [];
  /** Opens of the peer that were neither accepted nor refused yet. */
  #answering = 0;
  #held: (() => void)[] | undefined;
  #nextId = 0;
  #noMoreSessions = false;
  #closed = false;
  /** Told of each channel that the peer asks for; may let it wait with everything behind it. */
  pace: () => void = ignore;
  /** Told of global requests that are refused, by name. */
  onGlobalRequest: (name: string) => void = ignore;
  /** Told of channels that are refused before anybody was asked, by type. */
  onTurnedAway: (type: string, reason: ChannelRefusal) => void = ignore;

  constructor(transport: Transport, maxChannels: number) {
    this.#transport = transport;
    this.#maxChannels = maxChannels;
  }

  /** Channels that are open or being opened, by either side. */
  get count(): number {
    return this.#channels.size + this.#openings.size + this.#answering;
  }

  /** Registers who answers opens of a type. */
  onOpen(type: string, handler: OpenHandler): void {
    this.#handlers.set(type, handler);
  }

  /**
   * Keeps the peer's opens waiting until the next turn of the event loop: a program
   * that awaited the connection has then registered its handlers.
   */
  holdOpens(): void {
    const held: (() => void)[] = [];
    this.#held = held;
    setImmediate(() => {
      this.#held = undefined;
      try {
        if (!this.#closed) for (const route of held) route();
      } catch (error) {
        this.#transport.fail(new SshError("SSH_PROTOCOL", "channel open failed", error));
      }
    });
  }

  // ---- ChannelHost

  send(payload: Buffer): void {
    this.#transport.send(payload);
  }

  sendData(channel: number, data: Buffer, extended: number): void {
    this.#transport.sendData(channel, data, extended);
  }

  canSend(): boolean {
    return this.#transport.canSend();
  }

  get contended(): boolean {
    return !this.#queue.empty;
  }

  wait(channel: Channel, light: boolean): void {
    this.#queue.add(channel, light);
  }

  release(channel: Channel): void {
    this.#channels.delete(channel.localId);
  }

  /** The socket has room. */
  writable(): void {
    this.#queue.serve(() => this.#transport.canSend());
  }

  /**
   * Opens a channel; `make` gets it at once, before the peer's next message is looked at.
   * Rejects with ChannelRefusedError, or SshError when there are too many or the connection ends.
   */
  open<T>(
    type: string,
    payload: Buffer,
    make: (channel: Channel) => T,
    timeoutMs: number = CHANNEL_OPEN_MS,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new SshError("SSH_CONNECTION_CLOSED", "the connection is closed"));
        return;
      }
      if (this.count >= this.#maxChannels) {
        reject(new SshError("SSH_TOO_MANY_CHANNELS", `${this.#maxChannels} channels are open`));
        return;
      }
      const id = this.#allocate();
      const opening = {
        type,
        resolve: (channel: Channel) => {
          resolve(make(channel));
        },
        reject,
      };
      this.#openings.add(id, opening, timeoutMs);
      const head = new SshWriter().u8(MSG.CHANNEL_OPEN).string(type).u32(id);
      this.send(head.u32(CHANNEL_WINDOW).u32(CHANNEL_PACKET).raw(payload).done());
    });
  }

  #allocate(): number {
    while (this.#channels.has(this.#nextId) || this.#openings.has(this.#nextId)) this.#step();
    const id = this.#nextId;
    this.#step();
    return id;
  }

  #step(): void {
    this.#nextId = (this.#nextId + 1) >>> 0;
  }

  /** Asks the peer whether it is alive; any answer will do. */
  ping(): void {
    if (this.#globalReplies.length >= MAX_PENDING_REPLIES) return;
    this.#globalReplies.push(() => {
      this.roundTrip.answered();
    });
    this.roundTrip.sent();
    this.send(KEEPALIVE);
  }

  /** The transport is gone: every channel is cut, synchronously. */
  cut(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#openings.cut();
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    this.#queue.clear();
    for (const channel of channels) channel.cut();
  }

  // ---- messages

  /** Handles a message of RFC 4254. False when the number means nothing here. Throws end the connection. */
  receive(type: number, payload: Buffer): boolean {
    if (type === MSG.CHANNEL_DATA) {
      this.#data(payload);
      return true;
    }
    const reader = new SshReader(payload.subarray(1));
    switch (type) {
      case MSG.CHANNEL_EXTENDED_DATA:
        this.#extendedData(reader);
        return true;
      case MSG.CHANNEL_WINDOW_ADJUST:
        this.#channel(reader).receiveWindowAdjust(lastNumber(reader));
        return true;
      case MSG.GLOBAL_REQUEST:
        this.#globalRequest(reader);
        return true;
      case MSG.REQUEST_SUCCESS:
      case MSG.REQUEST_FAILURE:
        this.#globalReplies.shift()?.();
        return true;
      default:
        return this.#receiveControl(type, reader);
    }
  }

  #receiveControl(type: number, reader: SshReader): boolean {
    switch (type) {
      case MSG.CHANNEL_OPEN:
        this.#open(reader);
        return true;
      case MSG.CHANNEL_OPEN_CONFIRMATION:
        this.#confirmed(reader);
        return true;
      case MSG.CHANNEL_OPEN_FAILURE:
        this.#refused(reader);
        return true;
      case MSG.CHANNEL_EOF:
        this.#channel(reader).receiveEof();
        return true;
      case MSG.CHANNEL_CLOSE:
        this.#channel(reader).receiveClose();
        return true;
      case MSG.CHANNEL_REQUEST:
        this.#channelRequest(reader);
        return true;
      case MSG.CHANNEL_SUCCESS:
      case MSG.CHANNEL_FAILURE:
        this.#channel(reader).receiveReply(type === MSG.CHANNEL_SUCCESS);
        return true;
      default:
        return false;
    }
  }

  #channel(reader: SshReader): Channel {
    return this.#channelOf(reader.u32());
  }

  #channelOf(id: number): Channel {
    const channel = this.#channels.get(id);
    if (channel === undefined)
      throw new SshError("SSH_PROTOCOL", `message for channel ${id}, which is not open`);
    return channel;
  }

  /** Read by hand: of all messages there are only many of these. */
  #data(payload: Buffer): void {
    if (payload.length < DATA_HEADER_BYTES || payload.readUInt32BE(5) !== payload.length - DATA_HEADER_BYTES)
      throw new SshError("SSH_PROTOCOL", "channel data of another length than it says");
    this.#channelOf(payload.readUInt32BE(1)).receiveData(payload.subarray(DATA_HEADER_BYTES), 0);
  }

  #extendedData(reader: SshReader): void {
    const channel = this.#channel(reader);
    const extended = reader.u32();
    const data = reader.string(CHANNEL_PACKET);
    reader.end();
    if (extended === 0) throw new SshError("SSH_PROTOCOL", "extended data of type 0");
    channel.receiveData(data, extended);
  }

  #globalRequest(reader: SshReader): void {
    const name = reader.text(MAX_NAME_BYTES);
    const wantReply = reader.u8() !== 0;
    const known = name === NO_MORE_SESSIONS;
    if (known) this.#noMoreSessions = true;
    else this.onGlobalRequest(name);
    // sshd before 10 has Nagle's algorithm on here: its next packet, the answer to our first channel, waits for
    // an ACK, which our kernel holds back for 40 ms unless we have something to send.
    if (name === HOST_KEYS) this.send(IGNORE);
    // tcpip-forward and everything else: no. The answers keep the order of the requests.
    if (wantReply) this.send(Buffer.of(known ? MSG.REQUEST_SUCCESS : MSG.REQUEST_FAILURE));
  }

  #channelRequest(reader: SshReader): void {
    const channel = this.#channel(reader);
    const name = reader.text(MAX_NAME_BYTES);
    const wantReply = reader.u8() !== 0;
    channel.receiveRequest(name, wantReply, reader.raw(reader.left));
  }

  #open(reader: SshReader): void {
    const type = reader.text(MAX_NAME_BYTES);
    const remote = { id: reader.u32(), window: reader.u32(), packetSize: reader.u32() };
    const payload = Buffer.from(reader.raw(reader.left));
    this.pace();
    if (this.#held === undefined) this.#route(type, remote, payload);
    else if (this.#held.length >= this.#maxChannels)
      throw new SshError("SSH_PROTOCOL", "too many channels at once");
    else {
      this.#held.push(() => {
        this.#route(type, remote, payload);
      });
    }
  }

  #route(type: string, remote: RemoteChannel, payload: Buffer): void {
    const refusal = this.#refuses(type, remote);
    if (refusal === undefined) this.#handlers.get(type)?.(this.#request(type, remote, payload));
    else this.#turnAway(type, remote.id, ...refusal);
  }

  #refuses(type: string, remote: RemoteChannel): [ChannelRefusal, string] | undefined {
    if (!this.#handlers.has(type)) return ["channel-type-not-offered", "unknown channel type"];
    if (this.#noMoreSessions && type === "session") return ["no-more-sessions", "no more sessions"];
    if (remote.packetSize < MIN_CHANNEL_PACKET) return ["packet-size-too-small", "packets too small"];
    if (this.count >= this.#maxChannels) return ["too-many-channels", "too many channels"];
    return undefined;
  }

  #turnAway(type: string, remoteId: number, reason: ChannelRefusal, message: string): void {
    this.#sendRefusal(remoteId, REFUSAL_OF[reason], message);
    this.onTurnedAway(type, reason);
  }

  #request(type: string, remote: RemoteChannel, payload: Buffer): ChannelRequest {
    this.#answering += 1;
    return answeredOnce(type, payload, {
      answered: () => {
        this.#answering -= 1;
      },
      accept: () => this.#accept(type, remote),
      refuse: (reason, message) => {
        this.#sendRefusal(remote.id, reason, message);
      },
      turnAway: (reason, message) => {
        this.#turnAway(type, remote.id, reason, message);
      },
    });
  }

  #accept(type: string, remote: RemoteChannel): Channel {
    const channel = new Channel(this, type, this.#allocate(), remote);
    if (this.#closed) {
      channel.cut();
      return channel;
    }
    this.#channels.set(channel.localId, channel);
    const confirmation = new SshWriter()
      .u8(MSG.CHANNEL_OPEN_CONFIRMATION)
      .u32(remote.id)
      .u32(channel.localId);
    this.send(confirmation.u32(CHANNEL_WINDOW).u32(CHANNEL_PACKET).done());
    return channel;
  }

  #sendRefusal(remoteId: number, reason: OpenRefusal, message: string): void {
    const failure = new SshWriter().u8(MSG.CHANNEL_OPEN_FAILURE).u32(remoteId).u32(OPEN_REFUSAL[reason]);
    this.send(failure.string(message).string("").done());
  }

  #confirmed(reader: SshReader): void {
    const id = reader.u32();
    const opening = this.#openings.take(id);
    const remote = { id: reader.u32(), window: reader.u32(), packetSize: reader.u32() };
    const channel = new Channel(this, opening.type, id, remote);
    this.#channels.set(id, channel);
    if (remote.packetSize < MIN_CHANNEL_PACKET) {
      channel.sendClose();
      opening.reject(new SshError("SSH_PROTOCOL", `peer confirmed with packet size ${remote.packetSize}`));
      return;
    }
    opening.resolve(channel);
  }

  #refused(reader: SshReader): void {
    const opening = this.#openings.take(reader.u32());
    const reason = reader.u32();
    const text = reader.string(MAX_TEXT_BYTES).toString("utf8");
    opening.reject(new ChannelRefusedError(opening.type, reason, text));
  }
}

function lastNumber(reader: SshReader): number {
  const number = reader.u32();
  reader.end();
  return number;
}

function ignore(): void {
  // Nobody is told.
}
