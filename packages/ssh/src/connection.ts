/**
 * An authenticated connection, as programs see it. The same for both ends.
 *
 * `end` and `destroy` are synchronous where it matters: when they return, no
 * byte of the peer is looked at any more and every channel is cut.
 */
import { randomBytes } from "node:crypto";

import { ChannelStream } from "./channel-stream.ts";
import type { SshChannel } from "./channel-stream.ts";
import type { ChannelRefusal, ChannelRequest } from "./channel-request.ts";
import type { ConnectionLayer } from "./connection-layer.ts";
import type { OpenRefusal, SshError } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** A channel of some type that the peer asks for; answer with one of the two. */
export interface IncomingChannel {
  readonly type: string;
  readonly payload: Buffer;
  /** Opens it; if the connection has died meanwhile, the channel is closed already. */
  accept(): SshChannel;
  refuse(reason: OpenRefusal, message: string): void;
  /** Refuses what nobody can decide about; whoever is told of such is. */
  turnAway(reason: ChannelRefusal, message: string): void;
}

/** What was negotiated, for logs. */
export interface NegotiatedAlgorithms {
  readonly keyExchange: string;
  readonly hostKey: string;
  readonly cipher: string;
}

export interface SshPeer {
  /** Random, for logs and registries. */
  readonly id: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The peer's identification string: printable, bounded, and whatever it likes to say. */
  readonly peerVersion: string;
  readonly algorithms: NegotiatedAlgorithms;
  /** Registers who answers channels of a type. Types without a handler are refused. */
  onChannel(type: string, handler: (channel: IncomingChannel) => void): void;
  /** Told of the peer's global requests, e.g. "tcpip-forward"; all are refused. */
  onGlobalRequest(handler: (name: string) => void): void;
  /** Told of the peer's channels that were refused before anybody was asked, e.g. of a type without a handler. */
  onTurnedAway(handler: (type: string, reason: ChannelRefusal) => void): void;
  /** Opens a channel. Rejects with SshError; ChannelRefusedError carries the peer's reason. */
  openChannel(type: string, payload: Buffer, timeoutMs?: number): Promise<SshChannel>;
  /** How many channels are open or being opened. */
  channels(): number;
  /** Payload bytes on the socket in both directions, encryption included. */
  traffic(): { readonly received: number; readonly sent: number };
  /** Tells the peer `message` and cuts: at once for everything here, within 50 ms on the wire. */
  end(message?: string): void;
  /** Cuts without a word. */
  destroy(): void;
  /** Exchanges new keys now; otherwise it happens by bytes and time. */
  rekey(): void;
  /** Called once, synchronously, when the connection is over; at once if it is already. No error: in good order. */
  onClose(listener: (error: SshError | undefined) => void): void;
  /** Resolves when the connection is over. Never rejects. */
  readonly closed: Promise<void>;
}

export interface PeerAddress {
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** An id for logs and registries. */
export function newConnectionId(): string {
  return randomBytes(9).toString("base64url");
}

/** The names of what two transports agreed on; empty before the first key exchange. */
export function algorithmsOf({ negotiated }: Pick<Transport, "negotiated">): NegotiatedAlgorithms {
  return {
    keyExchange: negotiated?.kex ?? "",
    hostKey: negotiated?.serverHostKey ?? "",
    cipher: negotiated?.cs.cipher ?? "",
  };
}

export class Connection implements SshPeer {
  readonly id: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly closed: Promise<void>;
  protected readonly transport: Transport;
  protected readonly layer: ConnectionLayer;
  readonly #listeners: ((error: SshError | undefined) => void)[] = [];
  #over: { readonly error: SshError | undefined } | undefined;

  constructor(transport: Transport, layer: ConnectionLayer, address: PeerAddress & { readonly id?: string }) {
    this.id = address.id ?? newConnectionId();
    this.transport = transport;
    this.layer = layer;
    this.remoteAddress = address.remoteAddress;
    this.remotePort = address.remotePort;
    this.closed = new Promise((resolve) => {
      this.onClose(() => {
        resolve();
      });
    });
  }

  get peerVersion(): string {
    return this.transport.peerIdent;
  }

  get algorithms(): NegotiatedAlgorithms {
    return algorithmsOf(this.transport);
  }

  onChannel(type: string, handler: (channel: IncomingChannel) => void): void {
    this.layer.onOpen(type, (request) => {
      handler(incoming(request));
    });
  }

  onGlobalRequest(handler: (name: string) => void): void {
    this.layer.onGlobalRequest = handler;
  }

  onTurnedAway(handler: (type: string, reason: ChannelRefusal) => void): void {
    this.layer.onTurnedAway = handler;
  }

  openChannel(type: string, payload: Buffer, timeoutMs?: number): Promise<SshChannel> {
    return this.layer.open(type, payload, (channel) => new ChannelStream(channel), timeoutMs);
  }

  channels(): number {
    return this.layer.count;
  }

  traffic(): { readonly received: number; readonly sent: number } {
    return { received: this.transport.bytesReceived, sent: this.transport.bytesSent };
  }

  end(message = ""): void {
    this.transport.end(message);
  }

  destroy(): void {
    this.transport.destroy();
  }

  rekey(): void {
    this.transport.rekey();
  }

  onClose(listener: (error: SshError | undefined) => void): void {
    if (this.#over === undefined) this.#listeners.push(listener);
    else listener(this.#over.error);
  }

  /** The transport has ended: cuts the channels, then tells the listeners. */
  over(error: SshError | undefined): void {
    if (this.#over !== undefined) return;
    this.#over = { error };
    this.layer.cut();
    for (const listener of this.#listeners.splice(0)) listener(error);
  }
}

function incoming(request: ChannelRequest): IncomingChannel {
  return {
    type: request.type,
    payload: request.payload,
    accept: () => new ChannelStream(request.accept()),
    refuse: (reason, message) => {
      request.refuse(reason, message);
    },
    turnAway: (reason, message) => {
      request.turnAway(reason, message);
    },
  };
}
