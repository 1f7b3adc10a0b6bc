/**
 * An SSH client: dials, checks the host, presents certificates, and is then the
 * same kind of connection as a server's.
 */
import { connect } from "node:net";
import type { LookupFunction, Socket } from "node:net";
import type { Duplex } from "node:stream";

import { systemClock } from "@teleport-access/daemon";
import type { Clock, Timer } from "@teleport-access/daemon";
import type { SshPublicKey } from "@teleport-access/sshcert";

import { ciphers } from "./algorithms.ts";
import { AuthClient } from "./auth-client.ts";
import type { SshIdentities, SshIdentity } from "./auth-client.ts";
import { openSession } from "./client-session.ts";
import type { ClientSession, SessionOptions } from "./client-session.ts";
import { Connection } from "./connection.ts";
import type { PeerAddress, SshPeer } from "./connection.ts";
import { ConnectionLayer } from "./connection-layer.ts";
import { SshError } from "./errors.ts";
import { HostVerifier } from "./host-verifier.ts";
import type { HostTrust } from "./host-verifier.ts";
import { AGENT_KEEPALIVE, startKeepalive } from "./keepalive.ts";
import type { KeepalivePolicy } from "./keepalive.ts";
import { TUNNEL_LIMITS } from "./limits.ts";
import { pacer } from "./pace.ts";
import type { Rate } from "./pace.ts";
import { REKEY, startRekey } from "./rekey.ts";
import type { RekeyPolicy } from "./rekey.ts";
import type { SessionStart } from "./session.ts";
import { Transport } from "./transport.ts";

interface BaseOptions {
  /** Dialled, unless `transport` is given; always named in errors. */
  readonly host: string;
  readonly port: number;
  /** Finds the host's addresses. @default the system's resolver */
  readonly lookup?: LookupFunction;
  /** A connected stream to use instead of a new TCP connection, e.g. a channel or a WebSocket. */
  readonly transport?: Duplex;
  readonly user: string;
  /**
   * Presented in order. A function is asked when the server waits for it: everything before goes on meanwhile.
   * What it rejects with is what the connection fails with, if it is an SshError.
   */
  readonly identity: SshIdentity | SshIdentities;
  /** For dialling, key exchange and authentication together, but for the time that `identity` takes. */
  readonly timeoutMs: number;
  readonly chacha20?: boolean;
  /** @default AGENT_KEEPALIVE */
  readonly keepalive?: KeepalivePolicy;
  readonly rekey?: RekeyPolicy | undefined;
  /** Channels open at once, the server's included. @default those of a tunnel */
  readonly maxChannels?: number;
  /** Channels that the server may ask for before it is slowed down. @default any number */
  readonly channelOpens?: Rate;
  readonly clock?: Clock;
}

/** Exactly one kind of trust: plain keys known beforehand, or authorities and the host's name. */
export type SshClientOptions = BaseOptions &
  (
    | { readonly hostKeyPins: readonly SshPublicKey[] }
    | { readonly hostAuthorities: readonly SshPublicKey[]; readonly hostname: string }
  );

export interface SshClientConnection extends SshPeer {
  /** Opens a session and starts something in it. */
  session(start: SessionStart, options?: SessionOptions): Promise<ClientSession>;
}

class ClientConnection extends Connection implements SshClientConnection {
  session(start: SessionStart, options: SessionOptions = {}): Promise<ClientSession> {
    return openSession(this, start, options);
  }
}

function trustOf(options: SshClientOptions): HostTrust {
  if ("hostKeyPins" in options) return { pins: options.hostKeyPins };
  return { authorities: options.hostAuthorities, hostname: options.hostname };
}

/**
 * Connects and authenticates. Channels that the server opens at once wait for the
 * caller to register handlers right after its `await`. Rejects with SshError, whose code tells what to try next.
 */
export async function connectSsh(options: SshClientOptions): Promise<SshClientConnection> {
  const verifier = new HostVerifier(trustOf(options), () => (options.clock ?? systemClock).now());
  if (verifier.algorithms().length === 0) throw new SshError("SSH_BAD_OPTION", "no host key is pinned");
  return new Promise((resolve, reject) => {
    new Attempt(options, { verifier, resolve, reject });
  });
}

interface AttemptOutcome {
  readonly verifier: HostVerifier;
  resolve(connection: SshClientConnection): void;
  reject(error: SshError): void;
}

/** One attempt, from the dial to success or the first failure. */
class Attempt {
  readonly #options: SshClientOptions;
  readonly #outcome: AttemptOutcome;
  readonly #clock: Clock;
  readonly #socket: Duplex;
  #timer: Timer;
  readonly #stops: (() => void)[] = [];
  #transport: Transport | undefined;
  #auth: AuthClient | undefined;
  #layer: ConnectionLayer | undefined;
  #connection: ClientConnection | undefined;
  #failed = false;

  constructor(options: SshClientOptions, outcome: AttemptOutcome) {
    this.#options = options;
    this.#outcome = outcome;
    this.#clock = options.clock ?? systemClock;
    this.#timer = this.#startTimer();
    this.#socket = options.transport ?? this.#dial();
    if (options.transport !== undefined) this.#connected();
  }

  #startTimer(): Timer {
    const { timeoutMs } = this.#options;
    return this.#clock.setTimer(timeoutMs, () => {
      this.#fail(new SshError("SSH_TIMEOUT", `${this.#target()}: no SSH connection within ${timeoutMs} ms`));
    });
  }

  /** Asks for what to present, and later to sign, with the server's clock stopped: a person may have to touch a key. */
  async #ask(identity: () => Promise<readonly SshIdentity[]>): Promise<readonly SshIdentity[]> {
    const found = await this.#paused(identity);
    return found.map((one) =>
      "sign" in one
        ? { ...one, sign: (data, algorithm) => this.#paused(() => one.sign(data, algorithm)) }
        : one,
    );
  }

  async #paused<T>(step: () => Promise<T>): Promise<T> {
    this.#timer.cancel();
    try {
      return await step();
    } finally {
      if (!this.#failed) this.#timer = this.#startTimer();
    }
  }

  #target(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }

  #dial(): Socket {
    const { host, port, lookup } = this.#options;
    const socket = connect({ host, port, noDelay: true, ...(lookup === undefined ? {} : { lookup }) });
    socket.once("error", (error) => {
      this.#fail(new SshError("SSH_UNREACHABLE", `${this.#target()}: ${error.message}`, error));
    });
    socket.once("connect", () => {
      this.#connected();
    });
    return socket;
  }

  #connected(): void {
    if (this.#failed) return;
    const { verifier } = this.#outcome;
    const transport = new Transport({
      socket: this.#socket,
      role: {
        kind: "client",
        hostKeyAlgorithms: verifier.algorithms(),
        acceptHostKey: (blob) => verifier.accept(blob),
        verifyHostSignature: (hash, signature, algorithm) => verifier.verify(hash, signature, algorithm),
      },
      ciphers: ciphers(this.#options.chacha20 ?? false),
      owner: {
        secured: () => {
          this.#auth?.start();
        },
        message: (type, payload) => this.#message(type, payload),
        writable: () => this.#layer?.writable(),
        closed: (error) => {
          this.#closed(error);
        },
      },
    });
    this.#transport = transport;
    this.#auth = this.#createAuth(transport);
  }

  #identities(identity: SshIdentity | SshIdentities): SshIdentities {
    if (typeof identity === "function") return () => this.#ask(identity);
    return "certificate" in identity ? [identity] : identity;
  }

  #createAuth(transport: Transport): AuthClient {
    const { identity, user } = this.#options;
    return new AuthClient({
      transport,
      user,
      identities: this.#identities(identity),
      accepted: () => {
        this.#accepted(transport);
      },
      failed: (error) => {
        this.#fail(error);
      },
    });
  }

  #message(type: number, payload: Buffer): boolean {
    if (this.#layer === undefined) return this.#auth?.receive(type, payload) ?? false;
    if (type < 80) throw new SshError("SSH_PROTOCOL", `message ${type} after authentication`);
    return this.#layer.receive(type, payload);
  }

  #accepted(transport: Transport): void {
    this.#timer.cancel();
    transport.receiveLimit = Infinity;
    const { options, clock } = { options: this.#options, clock: this.#clock };
    const layer = new ConnectionLayer(transport, options.maxChannels ?? TUNNEL_LIMITS.channelsPerConnection);
    if (options.channelOpens !== undefined) layer.pace = pacer(transport, options.channelOpens);
    this.#layer = layer;
    const connection = new ClientConnection(transport, layer, this.#address());
    this.#connection = connection;
    function ping(): void {
      layer.ping();
    }
    this.#stops.push(
      startKeepalive(transport, ping, { clock, policy: options.keepalive ?? AGENT_KEEPALIVE }),
    );
    this.#stops.push(startRekey(transport, { clock, policy: options.rekey ?? REKEY }));
    layer.holdOpens();
    this.#outcome.resolve(connection);
  }

  #address(): PeerAddress {
    const { remoteAddress, remotePort } = this.#socket as Partial<Socket>;
    return {
      remoteAddress: remoteAddress ?? this.#options.host,
      remotePort: remotePort ?? this.#options.port,
    };
  }

  #closed(error: SshError | undefined): void {
    for (const stop of this.#stops.splice(0)) stop();
    if (this.#connection !== undefined) {
      this.#connection.over(error);
      return;
    }
    const { refusal } = this.#outcome.verifier;
    const cause =
      refusal ?? error ?? new SshError("SSH_CONNECTION_CLOSED", "the server closed the connection");
    this.#fail(new SshError(cause.code, `${this.#target()}: ${cause.message}`, cause));
  }

  #fail(error: SshError): void {
    if (this.#failed || this.#connection !== undefined) return;
    this.#failed = true;
    this.#timer.cancel();
    this.#outcome.reject(error);
    this.#transport?.destroy();
    this.#socket.destroy();
  }
}
