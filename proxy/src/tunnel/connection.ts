/**
 * One accepted tunnel, from the agent's hello to its end: the control channel with its
 * JSON lines, and the transport channels that people's sessions go through.
 * Only the proxy opens channels in it; what the agent asks for is refused by packages/ssh.
 */
import type { AnnouncedTarget } from "@teleport-access/access";
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";
import { ChannelRefusedError, SshError } from "@teleport-access/ssh";
import type { SshChannel, SshConnection } from "@teleport-access/ssh";
import {
  CONTROL_CHANNEL,
  CONTROL_VERSION,
  ControlReader,
  encodeControlMessage,
  encodeTransportRequest,
  parseAgentMessage,
  TRANSPORT_CHANNEL,
} from "@teleport-access/wire";
import type { AgentMessage, ProxyMessage, TransportRequest } from "@teleport-access/wire";
import type { Audit } from "../audit.ts";
import { Answers } from "./answers.ts";
import type { Tunnel, TunnelEnd, TunnelIdentity, TunnelRegistry } from "./registry.ts";

/** An agent says hello right after the channel opens; one that does not is no agent of ours. */
const HELLO_MS = 10_000;

/** Control lines that an agent has not read; it reads at once, unless something is badly wrong. */
const MAX_UNREAD_CONTROL_BYTES = 1024 * 1024;

/** What a tunnel needs from the proxy. */
export interface TunnelDeps {
  readonly tunnels: TunnelRegistry;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Logger;
  /** The name of the TeleportProxy. */
  readonly proxy: string;
  /** This pod. */
  readonly replica: string;
  replicas(): readonly string[];
  /** The host CAs that are trusted for a cluster now. */
  fingerprints(cluster: string): readonly string[];
}

/** Takes over an authenticated connection. Never rejects: what fails ends the connection. */
export async function runTunnel(connection: SshConnection<TunnelIdentity>, deps: TunnelDeps): Promise<void> {
  try {
    const control = await connection.openChannel(CONTROL_CHANNEL, Buffer.alloc(0));
    new TunnelConnection(connection, control, deps).start();
  } catch (error) {
    deps.log.warn("tunnel has no control channel", {
      cluster: connection.identity.cluster,
      client: connection.remoteAddress,
      ...errorFields(error),
    });
    connection.end("control channel needed");
  }
}

class TunnelConnection implements Tunnel {
  readonly identity: TunnelIdentity;
  readonly #connection: SshConnection<TunnelIdentity>;
  readonly #control: SshChannel;
  readonly #deps: TunnelDeps;
  readonly #reader: ControlReader<AgentMessage>;
  readonly #answers: Answers;
  #agent: string | undefined;
  #targets: readonly AnnouncedTarget[] = [];
  #toldAuthorities = "";
  #toldReplicas: readonly string[] = [];
  #open = 0;
  #reason: TunnelEnd = "closed";
  #ended = false;
  #helloTimer: Timer | undefined;

  constructor(connection: SshConnection<TunnelIdentity>, control: SshChannel, deps: TunnelDeps) {
    this.identity = connection.identity;
    this.#connection = connection;
    this.#control = control;
    this.#deps = deps;
    this.#answers = new Answers(() => deps.clock.monotonic());
    this.#reader = new ControlReader<AgentMessage>(parseAgentMessage, () => deps.clock.monotonic());
  }

  get agent(): string {
    return this.#agent ?? "";
  }

  get ended(): boolean {
    return this.#ended;
  }

  start(): void {
    const { clock, proxy, replica } = this.#deps;
    const hostCAFingerprints = this.#deps.fingerprints(this.identity.cluster);
    this.#helloTimer = clock.setTimer(HELLO_MS, () => {
      this.end("no-hello");
    });
    this.#connection.onClose(() => {
      this.#closed();
    });
    this.#control.on("data", (chunk: Buffer) => {
      this.#receive(chunk);
    });
    this.#control.on("close", () => {
      this.end("closed");
    });
    this.#toldAuthorities = hostCAFingerprints.join(" ");
    this.send({ type: "hello", version: CONTROL_VERSION, proxy, replica, hostCAFingerprints });
    this.#tellReplicas();
  }

  #tellReplicas(): void {
    const replicas = this.#deps.replicas();
    // The same list while nothing has changed (replicas.ts).
    if (replicas === this.#toldReplicas) return;
    this.#toldReplicas = replicas;
    this.send({ type: "replicas", replicas });
  }

  targets(): readonly AnnouncedTarget[] {
    return this.#targets;
  }

  channels(): number {
    return this.#open;
  }

  get silent(): boolean {
    return this.#answers.silent;
  }

  async open(request: TransportRequest): Promise<SshChannel> {
    if (this.#answers.hopeless) throw new SshError("SSH_TIMEOUT", "the agent does not answer");
    // Counted from now on: a burst must spread over the tunnels before the first of it is answered.
    this.#open++;
    this.#answers.asked();
    try {
      const channel = await this.#connection.openChannel(TRANSPORT_CHANNEL, encodeTransportRequest(request));
      this.#answers.answered();
      channel.once("close", () => {
        this.#open--;
      });
      return channel;
    } catch (error) {
      this.#open--;
      this.#notOpened(error);
      throw error;
    }
  }

  #notOpened(error: unknown): void {
    if (error instanceof ChannelRefusedError) {
      this.#answers.answered();
    } else if (error instanceof SshError && error.code === "SSH_TIMEOUT") {
      this.#answers.missed();
      // An agent that is well comes back at once. Where people have something open, that goes on.
      if (this.#open === this.#answers.waiting) this.end("no-answer");
    } else {
      this.#answers.withdrawn();
    }
  }

  send(message: ProxyMessage): void {
    if (this.#control.writableLength > MAX_UNREAD_CONTROL_BYTES) this.end("protocol-error");
    else if (this.#control.writable) this.#control.write(encodeControlMessage(message));
  }

  tellAuthorities(fingerprints: readonly string[]): void {
    const text = fingerprints.join(" ");
    if (text === this.#toldAuthorities) return;
    this.#toldAuthorities = text;
    this.send({ type: "authorities", hostCAFingerprints: fingerprints });
  }

  end(reason: TunnelEnd): void {
    if (this.#reason === "closed") this.#reason = reason;
    this.#connection.end(reason);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) this.#handle(message);
    } catch (error) {
      this.#deps.log.warn("agent broke the control protocol", {
        cluster: this.identity.cluster,
        agent: this.agent,
        ...errorFields(error),
      });
      this.end("protocol-error");
    }
  }

  #handle(message: AgentMessage): void {
    this.#targets = message.targets;
    if (message.type === "hello") this.#greet(message.agent, message.cluster);
  }

  #greet(agent: string, cluster: string): void {
    this.#helloTimer?.cancel();
    if (cluster !== this.identity.cluster) {
      this.end("wrong-cluster");
      return;
    }
    this.#agent = agent;
    this.#deps.tunnels.add(this);
    // From now on news reaches it; what came between its beginning and its hello has not.
    this.#tellReplicas();
    this.#record("tunnel.up");
  }

  #closed(): void {
    this.#ended = true;
    this.#helloTimer?.cancel();
    this.#deps.tunnels.remove(this);
    this.#record("tunnel.down", this.#reason);
  }

  #record(event: "tunnel.up" | "tunnel.down", reason?: TunnelEnd): void {
    this.#deps.audit.record({
      event,
      outcome: "info",
      cluster: this.identity.cluster,
      client: this.identity.source,
      connection: this.#connection.id,
      detail: { agent: this.agent },
      ...(reason === undefined ? {} : { reason }),
    });
  }
}
