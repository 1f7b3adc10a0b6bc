/**
 * One tunnel: an authenticated SSH connection to one proxy replica, with its
 * control channel. Which tunnels there should be is decided in coverage.ts.
 */
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";
import type { IncomingChannel, SshChannel, SshClientConnection } from "@teleport-access/ssh";
import {
  CONTROL_CHANNEL,
  ControlReader,
  encodeControlMessage,
  parseProxyMessage,
  TRANSPORT_CHANNEL,
} from "@teleport-access/wire";
import type { AgentMessage, ProxyMessage } from "@teleport-access/wire";

import type { TunnelView } from "./coverage.ts";
import type { HostIdentity } from "./host-identity.ts";

export interface TunnelEvents {
  /** The agent's first message to the proxy. */
  hello(): AgentMessage;
  /** A message of the proxy has been taken in. */
  changed(message: ProxyMessage): void;
  /** A channel to a target has ended. */
  idle(): void;
  /** Serves a channel to a target; resolves when it is over, never rejects. */
  serve(channel: IncomingChannel): Promise<void>;
}

/** The proxy opens the control channel as soon as it has authenticated us. */
const HELLO_TIMEOUT_MS = 10_000;

export class Tunnel implements TunnelView {
  /** What it was authenticated with. */
  readonly identity: HostIdentity;
  readonly #connection: SshClientConnection;
  readonly #events: TunnelEvents;
  readonly #log: Logger;
  readonly #helloTimer: Timer;
  readonly #reader: ControlReader<ProxyMessage>;
  #control: SshChannel | undefined;
  #replica: string | undefined;
  #draining = false;
  #channels = 0;
  outdated = false;

  constructor(
    connection: SshClientConnection,
    identity: HostIdentity,
    { events, clock, log }: { readonly events: TunnelEvents; readonly clock: Clock; readonly log: Logger },
  ) {
    this.identity = identity;
    this.#connection = connection;
    this.#events = events;
    this.#log = log;
    this.#reader = new ControlReader<ProxyMessage>(parseProxyMessage, () => clock.monotonic());
    this.#helloTimer = clock.setTimer(HELLO_TIMEOUT_MS, () => {
      this.#fail("the proxy did not say hello");
    });
    connection.onChannel(CONTROL_CHANNEL, (channel) => {
      this.#openControl(channel);
    });
    connection.onChannel(TRANSPORT_CHANNEL, (channel) => {
      this.#openTransport(channel);
    });
    connection.onClose(() => {
      this.#helloTimer.cancel();
    });
  }

  get replica(): string | undefined {
    return this.#replica;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get channels(): number {
    return this.#channels;
  }

  /** Called once when the tunnel is down, whoever ended it. */
  onClose(listener: (error: unknown) => void): void {
    this.#connection.onClose(listener);
  }

  send(message: AgentMessage): void {
    if (this.#control?.writable === true) this.#control.write(encodeControlMessage(message));
  }

  /** Ends it and every connection in it. */
  end(reason: string): void {
    this.#connection.end(reason);
  }

  #fail(problem: string): void {
    this.#log.warn("tunnel ended: protocol", { replica: this.#replica, problem });
    this.#connection.end("protocol error");
  }

  #openControl(channel: IncomingChannel): void {
    if (this.#control !== undefined) {
      channel.refuse("prohibited", "the control channel is open already");
      return;
    }
    const control = channel.accept();
    this.#control = control;
    control.on("data", (chunk: Buffer) => {
      this.#receive(chunk);
    });
    // Without it nobody can say "drain": a tunnel in the dark is of no use.
    control.on("close", () => {
      this.#connection.end("control channel closed");
    });
    this.send(this.#events.hello());
  }

  #receive(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) this.#take(message);
    } catch (error) {
      this.#fail(errorFields(error).error);
    }
  }

  #take(message: ProxyMessage): void {
    if (message.type === "hello") {
      this.#helloTimer.cancel();
      this.#replica = message.replica;
    }
    if (message.type === "drain") this.#draining = true;
    this.#events.changed(message);
  }

  #openTransport(channel: IncomingChannel): void {
    // A proxy says who it is before it asks for anything.
    if (this.#replica === undefined) {
      channel.refuse("prohibited", "malformed-request");
      return;
    }
    this.#channels += 1;
    void this.#events.serve(channel).then(() => {
      this.#channels -= 1;
      this.#events.idle();
    });
  }
}
