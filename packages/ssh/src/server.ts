/**
 * An SSH server: sockets in, authenticated connections out.
 *
 * It knows who may connect how often, and when a peer has taken too long; who
 * the peer is, and what it may do, the program answers. People's port and the
 * agents' port are two of these with different limits.
 */
import type { Duplex } from "node:stream";

import { systemClock } from "@teleport-access/daemon";
import type { Clock } from "@teleport-access/daemon";

import { addressKey, AdmissionDesk } from "./admission.ts";
import type { AdmissionRefusal, Place } from "./admission.ts";
import { ciphers } from "./algorithms.ts";
import type { AuthRequest } from "./auth-request.ts";
import { AuthServer } from "./auth-server.ts";
import type { AuthVerdict } from "./auth-server.ts";
import { algorithmsOf, Connection, newConnectionId } from "./connection.ts";
import type { PeerAddress, SshPeer } from "./connection.ts";
import { ConnectionLayer } from "./connection-layer.ts";
import { onDirectTcpip } from "./direct-tcpip.ts";
import type { DirectTcpipRequest } from "./direct-tcpip.ts";
import { SshError } from "./errors.ts";
import { startKeepalive, USER_KEEPALIVE } from "./keepalive.ts";
import type { KeepalivePolicy } from "./keepalive.ts";
import { offerHostKeys } from "./key-exchange.ts";
import type { HostKey, HostKeyOffer } from "./key-exchange.ts";
import { USER_LIMITS } from "./limits.ts";
import type { SshServerLimits } from "./limits.ts";
import { MSG } from "./messages.ts";
import { Reception } from "./reception.ts";
import type { ReceptionOptions } from "./reception.ts";
import { pacer } from "./pace.ts";
import { REKEY, startRekey } from "./rekey.ts";
import type { RekeyPolicy } from "./rekey.ts";
import type { ArrivedPeer, DepartedPeer, RefusedPeer, SshRefusal } from "./server-peers.ts";
import { onSession } from "./session.ts";
import type { SessionRequest } from "./session.ts";
import { Transport } from "./transport.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** A connection whose peer proved who it is. */
export interface SshConnection<I> extends SshPeer {
  readonly identity: I;
  /** The SSH user name, as sent. */
  readonly user: string;
  /** Refused when unset. */
  onDirectTcpip(handler: (request: DirectTcpipRequest) => void): void;
  /** Refused when unset. */
  onSession(handler: (request: SessionRequest) => void): void;
}

export interface SshServerOptions<I> extends Pick<ReceptionOptions, "introduce"> {
  /** Asked for each new connection, so that rotated keys and certificates need no restart. */
  hostKeys(): readonly HostKey[];
  /** @default USER_LIMITS */
  readonly limits?: Partial<SshServerLimits>;
  readonly banner?: string;
  /** Also offers chacha20-poly1305, for clients without AES. @default false */
  readonly chacha20?: boolean;
  /** @default USER_KEEPALIVE */
  readonly keepalive?: KeepalivePolicy;
  readonly rekey?: RekeyPolicy | undefined;
  readonly clock?: Clock;
  /**
   * Asked for every attempt, also for probes and for methods that are never
   * accepted. Only an answer to a proven request lets anybody in. A throw refuses.
   */
  authenticate(request: AuthRequest): AuthVerdict<I> | Promise<AuthVerdict<I>>;
  /** Called before any message of the peer after authentication is looked at: register handlers here. */
  connected(connection: SshConnection<I>): void;
  refused?(peer: RefusedPeer): void;
  /** Called for each socket that is taken; `departed` follows exactly once. */
  arrived?(peer: ArrivedPeer): void;
  departed?(peer: DepartedPeer<I>): void;
}

export interface SshServer {
  /** Resolves with the port. @throws the socket's error, e.g. EADDRINUSE. */
  listen(port: number, host: string): Promise<number>;
  address(): { readonly address: string; readonly port: number } | undefined;
  /** Serves a stream that arrived some other way, e.g. a WebSocket. Same limits; the address is the caller's word. */
  inject(stream: Duplex, address?: PeerAddress): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
  /** Stops listening; connections live on. */
  stopListening(): void;
  connections(): number;
  unauthenticated(): number;
}

class ServerConnection<I> extends Connection implements SshConnection<I> {
  readonly identity: I;
  readonly user: string;

  constructor(
    parts: { transport: Transport; layer: ConnectionLayer; address: ArrivedPeer },
    who: { identity: I; user: string },
  ) {
    super(parts.transport, parts.layer, parts.address);
    this.identity = who.identity;
    this.user = who.user;
  }

  onDirectTcpip(handler: (request: DirectTcpipRequest) => void): void {
    onDirectTcpip(this, handler);
  }

  onSession(handler: (request: SessionRequest) => void): void {
    onSession(this, handler);
  }
}

/** Creates a server; nothing listens yet. */
export function createSshServer<I>(options: SshServerOptions<I>): SshServer {
  return new ListeningServer(options);
}

class ListeningServer<I> implements SshServer {
  readonly #options: SshServerOptions<I>;
  readonly #limits: SshServerLimits;
  readonly #clock: Clock;
  readonly #desk: AdmissionDesk;
  readonly #room: WaitingRoom;
  readonly #reception: Reception;
  readonly #open = new Set<Transport>();
  #offered: { readonly keys: readonly HostKey[]; readonly offer: HostKeyOffer } | undefined;

  constructor(options: SshServerOptions<I>) {
    this.#options = options;
    this.#limits = { ...USER_LIMITS, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#desk = new AdmissionDesk(this.#limits, this.#clock);
    this.#room = new WaitingRoom(this.#limits, this.#clock);
    this.#reception = new Reception({
      introduce: options.introduce,
      accept: (socket, address) => {
        this.#accept(socket, address);
      },
      refused: ({ remoteAddress }, { reason, detail }) => {
        if (reason === undefined) return;
        const peer = { remoteAddress, user: "", reason };
        this.#options.refused?.(detail === undefined ? peer : { ...peer, detail });
      },
    });
  }

  listen(port: number, host: string): Promise<number> {
    return this.#reception.listen(port, host);
  }

  address(): { readonly address: string; readonly port: number } | undefined {
    return this.#reception.address();
  }

  close(): Promise<void> {
    const closed = this.#reception.close();
    this.#room.close();
    for (const transport of [...this.#open]) transport.end("server is shutting down");
    return closed;
  }

  stopListening(): void {
    this.#reception.stopListening();
  }

  connections(): number {
    return this.#desk.connections;
  }

  unauthenticated(): number {
    return this.#desk.unauthenticated;
  }

  #offer(): HostKeyOffer {
    const keys = this.#options.hostKeys();
    if (this.#offered?.keys !== keys) this.#offered = { keys, offer: offerHostKeys(keys) };
    return this.#offered.offer;
  }

  inject(stream: Duplex, address: PeerAddress = { remoteAddress: "", remotePort: 0 }): void {
    if (this.#reception.open) this.#accept(stream, address);
    else stream.destroy();
  }

  #accept(socket: Duplex, peer: PeerAddress): void {
    // It left while it was introduced: there will be no 'close' to give a place back.
    if (socket.destroyed) return;
    const address: ArrivedPeer = { id: newConnectionId(), ...peer };
    const refuse = (reason: AdmissionRefusal): void => {
      socket.destroy();
      this.#options.refused?.({ remoteAddress: peer.remoteAddress, user: "", reason });
    };
    const admission = this.#desk.admit(peer.remoteAddress, () => {
      refuse("too-many-unauthenticated");
    });
    if (!admission.admitted) {
      refuse(admission.reason);
      return;
    }
    // A peer that is gone before it is accepted has an 'error' nobody else hears.
    socket.on("error", () => undefined);
    const { place } = admission;
    const visit = this.#room.enter({
      address: addressKey(peer.remoteAddress),
      start: () => {
        this.#begin(socket, address, {
          ...place,
          authenticated: () => {
            place.authenticated();
            visit.proven();
          },
        });
      },
      turnAway: () => socket.destroy(),
    });
    socket.once("close", () => {
      place.closed();
      visit.leave();
    });
  }

  /** It is the peer's turn. */
  #begin(socket: Duplex, address: ArrivedPeer, progress: ArrivalOptions<I>["progress"]): void {
    try {
      new Arrival(socket, { address, progress, server: this.#arrivals() });
    } catch (error) {
      // Host keys that cannot be offered are our fault: the connection ends, the server does not.
      socket.destroy();
      const { remoteAddress } = address;
      this.#options.refused?.({ remoteAddress, user: "", reason: "no-host-key", detail: String(error) });
    }
  }

  #arrivals(): ArrivalServer<I> {
    return {
      options: this.#options,
      limits: this.#limits,
      clock: this.#clock,
      offer: this.#offer(),
      open: this.#open,
    };
  }
}

interface ArrivalServer<I> {
  readonly options: SshServerOptions<I>;
  readonly limits: SshServerLimits;
  readonly clock: Clock;
  readonly offer: HostKeyOffer;
  readonly open: Set<Transport>;
}

interface ArrivalOptions<I> {
  readonly address: ArrivedPeer;
  readonly progress: Pick<Place, "challenged" | "authenticated">;
  readonly server: ArrivalServer<I>;
}

/** One accepted socket, from its first byte to its last. */
class Arrival<I> {
  readonly #server: ArrivalServer<I>;
  readonly #address: ArrivedPeer;
  readonly #arrivedAt: number;
  readonly #progress: ArrivalOptions<I>["progress"];
  readonly #transport: Transport;
  readonly #auth: AuthServer<I>;
  readonly #stops: (() => void)[] = [];
  #connection: ServerConnection<I> | undefined;
  #layer: ConnectionLayer | undefined;
  #reason: SshRefusal = "protocol-error";
  #wasChallenged = false;

  constructor(socket: Duplex, { address, progress, server }: ArrivalOptions<I>) {
    this.#server = server;
    this.#arrivedAt = server.clock.monotonic();
    this.#address = address;
    this.#progress = progress;
    this.#transport = new Transport({
      socket,
      role: { kind: "server", hostKeys: server.offer },
      ciphers: ciphers(server.options.chacha20 ?? false),
      owner: {
        secured: () => undefined,
        message: (type, payload) => this.#message(type, payload),
        writable: () => this.#layer?.writable(),
        closed: (error) => {
          this.#closed(error);
        },
      },
    });
    server.open.add(this.#transport);
    server.options.arrived?.(address);
    this.#auth = this.#createAuth();
    this.#grace(server.limits.loginGraceMs);
  }

  /** Ends the connection unless it is authenticated by then. */
  #grace(milliseconds: number): void {
    const timer = this.#server.clock.setTimer(milliseconds, () => {
      this.#reason = "login-grace";
      this.#transport.destroy(new SshError("SSH_TIMEOUT", "not authenticated in time"));
    });
    this.#stops.push(() => {
      timer.cancel();
    });
  }

  /** Somebody has to type, which takes longer than a client does by itself; once, so that it cannot be drawn out. */
  #challenged(): void {
    if (this.#wasChallenged) return;
    this.#wasChallenged = true;
    this.#progress.challenged();
    this.#stop();
    this.#grace(this.#server.limits.challengeMs);
  }

  #createAuth(): AuthServer<I> {
    const { options, limits } = this.#server;
    return new AuthServer({
      ...this.#address,
      connection: this.#address.id,
      transport: this.#transport,
      tries: limits.tries,
      banner: options.banner,
      authenticate: (request) => options.authenticate(request),
      accepted: (identity, user) => {
        this.#accepted(identity, user);
      },
      refused: (reason, user) => {
        const { id: connection, remoteAddress } = this.#address;
        this.#server.options.refused?.({ connection, remoteAddress, user, reason });
      },
      challenged: () => {
        this.#challenged();
      },
    });
  }

  #message(type: number, payload: Buffer): boolean {
    // RFC 4252, section 5.1: authentication requests after success are ignored.
    if (this.#layer === undefined) return this.#auth.receive(type, payload);
    if (type === MSG.USERAUTH_REQUEST) return true;
    if (type < 80) throw new SshError("SSH_PROTOCOL", `message ${type} after authentication`);
    return this.#layer.receive(type, payload);
  }

  #accepted(identity: I, user: string): void {
    const { options, limits, clock } = this.#server;
    this.#progress.authenticated();
    this.#stop();
    const transport = this.#transport;
    transport.receiveLimit = Infinity;
    const layer = new ConnectionLayer(transport, limits.channelsPerConnection);
    layer.pace = pacer(transport, limits.channelOpens);
    this.#layer = layer;
    const connection = new ServerConnection({ transport, layer, address: this.#address }, { identity, user });
    this.#connection = connection;
    const policy = options.keepalive ?? USER_KEEPALIVE;
    this.#stops.push(startKeepalive(transport, layer.ping.bind(layer), { clock, policy }));
    this.#stops.push(startRekey(transport, { clock, policy: options.rekey ?? REKEY }));
    options.connected(connection);
  }

  #stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #closed(error: SshError | undefined): void {
    this.#stop();
    this.#server.open.delete(this.#transport);
    if (this.#connection !== undefined) this.#connection.over(error);
    // A peer that leaves by itself was not refused.
    else if (error !== undefined && error.code !== "SSH_CONNECTION_CLOSED") this.#refuse(error);
    this.#departed(error);
  }

  #refuse({ message: detail }: SshError): void {
    const { id: connection, remoteAddress } = this.#address;
    const [user, reason] = [this.#auth.user, this.#reason];
    this.#server.options.refused?.({ connection, remoteAddress, user, reason, detail });
  }

  #departed(error: SshError | undefined): void {
    const { options, clock } = this.#server;
    const { bytesReceived: received, bytesSent: sent, peerIdent: peerVersion } = this.#transport;
    options.departed?.({
      ...this.#address,
      identity: this.#connection?.identity,
      user: this.#auth.user,
      ...{ peerVersion, received, sent },
      algorithms: algorithmsOf(this.#transport),
      milliseconds: clock.monotonic() - this.#arrivedAt,
      ...(error === undefined ? {} : { error: error.message }),
    });
  }
}
