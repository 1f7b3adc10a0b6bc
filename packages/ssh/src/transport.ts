/**
 * One encrypted connection: packets in, packets out, nothing about their meaning
 * beyond RFC 4253's own messages. ssh2's Protocol does the key exchange and the
 * encryption; this class owns the socket, its limits and its end.
 *
 * The end is final and at once: after `end` or `destroy` no further byte that the
 * peer sent is looked at, even when it is already in memory.
 */
import type { Duplex } from "node:stream";

import { SshWriter } from "@teleport-access/sshcert";

import { SshError } from "./errors.ts";
import { ssh2 } from "./internals.ts";
import { SERVER_SIGNATURE_ALGORITHMS } from "./algorithms.ts";
import { GcmCipher } from "./gcm.ts";
import { Intake } from "./intake.ts";
import { KexinitHold } from "./kexinit-hold.ts";
import {
  EXCHANGES,
  GOODBYE_MS,
  MAX_HELD_PACKETS,
  MAX_IDENT_BYTES,
  MAX_UNAUTHENTICATED_BYTES,
  MAX_UNREAD_BYTES,
  SOCKET_HIGH_BYTES,
} from "./limits.ts";
import { DISCONNECT, disconnectMessage, MSG, numberMessage, readDisconnect } from "./messages.ts";
import { Pace } from "./pace.ts";
import { createProtocol } from "./protocol.ts";
import { tuneSocket } from "./tune-socket.ts";
import type { ProtocolEvents, Role } from "./protocol.ts";
import { SocketOutput } from "./socket-output.ts";
import type { Negotiated, Protocol } from "./ssh2-internals.ts";
import { wireOf } from "./wire.ts";
import type { Wire } from "./wire.ts";

/** What the transport tells its owner. All calls are synchronous. */
export interface TransportOwner {
  /** The first key exchange is done; messages may be sent. */
  secured(): void;
  /** A message that is not the transport's own. False: nobody knows it, answer UNIMPLEMENTED. */
  message(type: number, payload: Buffer): boolean;
  /** The socket or a finished re-key has room again. */
  writable(): void;
  /** Once, when nothing more will come or go. Undefined: the peer or we ended it in good order. */
  closed(error: SshError | undefined): void;
}

export interface TransportOptions {
  readonly socket: Duplex;
  readonly role: Role;
  readonly ciphers: readonly string[];
  readonly owner: TransportOwner;
}

export class Transport {
  readonly wire: Wire;
  readonly #owner: TransportOwner;
  readonly #protocol: Protocol;
  readonly #role: Role;
  #wantsExtInfo = false;
  #secured = false;
  #finished = false;
  #reset: (() => void) | undefined;
  readonly #kexinit: KexinitHold;
  readonly #intake: Intake;
  readonly output: SocketOutput;
  /** Bytes received on the socket; keep-alive and re-key look at them. */
  bytesReceived = 0;
  /** What the peer may send in all; its owner lifts it once the peer is authenticated. */
  receiveLimit: number = MAX_UNAUTHENTICATED_BYTES;
  readonly #pace: Pace;
  /** How many key exchanges are done. */
  exchanges = 0;
  negotiated: Negotiated | undefined;
  /** The peer's identification string, printable and bounded; empty until it came. */
  peerIdent = "";

  constructor(options: TransportOptions) {
    const { socket, role, ciphers, owner } = options;
    tuneSocket(socket);
    const wire = wireOf(socket);
    this.wire = wire;
    this.#owner = owner;
    this.#role = role;
    this.#kexinit = new KexinitHold(wire);
    this.#intake = new Intake(wire, (chunk) => {
      this.#consume(chunk);
    });
    this.#pace = new Pace(this.#intake, EXCHANGES);
    this.output = new SocketOutput(wire, () => {
      this.#notifyWritable();
    });
    this.#protocol = createProtocol({ role, ciphers, output: this.output }, this.#events());
    this.#listen();
  }

  #events(): ProtocolEvents {
    return {
      // ssh2 has already said DISCONNECT.
      failed: (error) => {
        this.#finish(new SshError("SSH_PROTOCOL", error.message, error));
        this.#linger();
      },
      identified: (ident) => {
        this.peerIdent = ident.replaceAll(/[^\x20-\x7e]/g, "").slice(0, 255);
        if (this.#role.kind === "server") this.#kexinit.start();
      },
      exchanged: (negotiated) => {
        this.#exchanged(negotiated);
      },
      wantsExtInfo: () => {
        this.#wantsExtInfo = true;
      },
      receive: (payload) => {
        this.#receive(payload);
      },
      data: (payload) => {
        if (!this.#finished) this.#dispatch(MSG.CHANNEL_DATA, payload);
      },
      finished: () => this.#finished,
      paused: () => this.#intake.paused,
      rest: (bytes) => {
        // It is counted when it is read.
        this.bytesReceived -= bytes.length;
        this.#intake.rest(bytes);
      },
    };
  }

  #listen(): void {
    this.wire.listen({
      error: (error) => {
        this.destroy(new SshError("SSH_CONNECTION_CLOSED", error.message, error));
      },
      end: () => {
        this.#intake.handleKept();
        this.destroy();
      },
      close: () => {
        this.#finish(undefined);
        if (this.#reset !== undefined) this.#reset();
        this.#protocol.cleanup();
      },
    });
    ssh2().ready.then(
      () => {
        this.#start();
      },
      (error: unknown) => {
        this.destroy(new SshError("SSH_PROTOCOL", "ssh2's crypto did not start", error));
      },
    );
  }

  #start(): void {
    if (this.#finished) return;
    this.#intake.guarded(() => {
      this.#protocol.start();
    });
    this.wire.read((chunk) => {
      if (!this.#finished) this.#intake.read(chunk);
    });
  }

  /** Handles no further message until `resume`, not even of what has been read. */
  pause(): void {
    this.#intake.pause();
  }

  resume(): void {
    this.#intake.resume();
  }

  #consume(chunk: Buffer): void {
    if (this.#finished) return;
    this.bytesReceived += chunk.length;
    if (this.bytesReceived > this.receiveLimit) {
      this.fail(new SshError("SSH_PROTOCOL", "too much before authentication"));
      return;
    }
    this.#intake.guarded(() => {
      this.#parse(chunk);
    });
    if (this.peerIdent === "" && this.bytesReceived > MAX_IDENT_BYTES)
      this.fail(new SshError("SSH_PROTOCOL", "no identification string"));
    if (this.#protocol._kex !== undefined) this.#kexinit.release();
  }

  #parse(chunk: Buffer): void {
    try {
      // Before the first keys ssh2 keeps parts of what it is given.
      const data = this.exchanges > 0 ? chunk : Buffer.from(chunk);
      this.#protocol.parse(data, 0, data.length);
    } catch (error) {
      // Bad lengths, bad MACs, bad key shares and malformed messages all end here.
      this.fail(error instanceof SshError ? error : new SshError("SSH_PROTOCOL", describe(error), error));
    }
  }

  #exchanged(negotiated: Negotiated): void {
    this.exchanges += 1;
    this.negotiated = negotiated;
    if (this.#secured) {
      this.#pace.step();
      this.#notifyWritable();
      return;
    }
    this.#secured = true;
    // RFC 8308, section 2.4: the first message after NEWKEYS.
    if (this.#wantsExtInfo && this.#role.kind === "server") {
      const info = new SshWriter().u8(MSG.EXT_INFO).u32(1);
      this.send(info.string("server-sig-algs").string(SERVER_SIGNATURE_ALGORITHMS).done());
    }
    this.#owner.secured();
  }

  #receive(payload: Buffer): void {
    if (this.#finished) return;
    const type = payload[0] ?? 0;
    switch (type) {
      case MSG.DISCONNECT:
        this.destroy(readDisconnect(payload));
        return;
      case MSG.IGNORE:
      case MSG.UNIMPLEMENTED:
      case MSG.DEBUG:
      case MSG.EXT_INFO:
        return;
      default:
        this.#dispatch(type, payload);
    }
  }

  #dispatch(type: number, payload: Buffer): void {
    // 20-49 belong to key exchanges, which ssh2 handles while one runs.
    if (!this.#secured || (type >= 20 && type <= 49)) {
      this.fail(new SshError("SSH_PROTOCOL", `message ${type} outside its place`));
      return;
    }
    if (this.#owner.message(type, payload)) return;
    const sequence = ((this.#protocol._decipher?.inSeqno ?? 1) - 1) >>> 0;
    this.send(numberMessage(MSG.UNIMPLEMENTED, sequence));
  }

  #notifyWritable(): void {
    if (this.canSend()) this.#owner.writable();
  }

  /** RFC 4253, section 7.2: names the connection for ever; what signatures are bound to. */
  get sessionId(): Buffer {
    const id = this.#protocol._kex?.sessionID;
    if (id === undefined) throw new SshError("SSH_PROTOCOL", "no key exchange yet");
    return id;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get bytesSent(): number {
    return this.output.bytes;
  }

  /** True while keys are being exchanged: packets sent now are held back. */
  get exchanging(): boolean {
    return this.#protocol._kexinit !== undefined;
  }

  /** Sequence numbers of both directions, for the re-key rule. */
  get packetNumbers(): readonly [number, number] {
    return [this.#protocol._cipher.outSeqno, this.#protocol._decipher?.inSeqno ?? 0];
  }

  /** Whether channel data may be sent now; if not, `writable` will be called. */
  canSend(): boolean {
    return !this.#finished && !this.exchanging && this.output.pending <= SOCKET_HIGH_BYTES;
  }

  /** Sends one message. Replies that the peer does not read end the connection. */
  send(payload: Buffer): void {
    if (this.#finished) return;
    this.#sendPacket(payload, false);
    const held = this.#protocol._queue?.length ?? 0;
    if (this.output.pending > MAX_UNREAD_BYTES || held > MAX_HELD_PACKETS) {
      this.destroy(new SshError("SSH_PROTOCOL", "peer does not read what it asks for"));
    }
  }

  #sendPacket(payload: Buffer, duringKeyExchange: boolean): void {
    const { write } = this.#protocol._packetRW;
    const packet = write.alloc(payload.length, duringKeyExchange);
    packet.set(payload, duringKeyExchange ? write.allocStartKEX : write.allocStart);
    this.#intake.guarded(() => {
      ssh2().sendPacket(this.#protocol, write.finalize(packet, duringKeyExchange), duringKeyExchange);
    });
  }

  /** CHANNEL_DATA or, with `extended`, CHANNEL_EXTENDED_DATA, copied once into the packet. */
  sendData(channel: number, data: Buffer, extended: number): void {
    if (this.#finished) return;
    this.#intake.enter();
    try {
      const cipher = this.#protocol._cipher;
      if (extended === 0 && cipher instanceof GcmCipher && !this.exchanging) cipher.sendData(channel, data);
      else if (extended === 0) this.#protocol.channelData(channel, data);
      else this.#protocol.channelExtData(channel, data, extended);
    } finally {
      this.#intake.leave();
    }
  }

  /** Starts a key exchange of our own. */
  rekey(): void {
    if (this.#finished || !this.#secured) return;
    this.#intake.guarded(() => {
      this.#protocol.rekey();
    });
  }

  /** The peer broke the protocol: tells it so, and ends. */
  fail(error: SshError): void {
    this.#goodbye(DISCONNECT.PROTOCOL_ERROR, "protocol error", error);
  }

  /** Says goodbye with `text`, and is gone within 50 ms whether the peer reads it or not. */
  end(text: string, reason: number = DISCONNECT.BY_APPLICATION, error?: SshError): void {
    this.#goodbye(reason, text, error);
  }

  #goodbye(reason: number, text: string, error: SshError | undefined): void {
    if (this.#finished) return;
    // Before the first key exchange there is no keyed cipher; the null cipher carries the message then.
    if (this.#protocol._destruct !== undefined && this.#protocol._decipher !== undefined) {
      this.#sendPacket(disconnectMessage(reason, text), true);
    }
    this.#finish(error);
    this.#linger();
  }

  /** Lets what is queued leave, for as long as a goodbye may take. */
  #linger(): void {
    this.output.flush();
    this.wire.end();
    const timer = setTimeout(() => {
      this.wire.destroy();
    }, GOODBYE_MS);
    this.#reset = () => {
      clearTimeout(timer);
    };
  }

  /** Cuts at once, without a word. */
  destroy(error?: SshError): void {
    this.#finish(error);
    this.wire.destroy();
  }

  #finish(error: SshError | undefined): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#kexinit.release();
    this.#owner.closed(error);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
