/**
 * Serves the channels that a proxy opens to targets: checks, dials, relays.
 *
 * The list of targets may narrow while channels are open: what it no longer
 * covers is cut at once.
 */
import type { Socket } from "node:net";

import { errorFields } from "@teleport-access/daemon";
import type { Logger } from "@teleport-access/daemon";
import { spliceSocket } from "@teleport-access/ssh";
import type { IncomingChannel } from "@teleport-access/ssh";
import { decodeTransportRequest, WireError } from "@teleport-access/wire";
import type { AgentTarget, TransportRefusal, TransportRequest } from "@teleport-access/wire";

import { dialTarget } from "./dial.ts";
import type { DialOptions } from "./dial.ts";
import { AgentError } from "./errors.ts";
import { decideTarget } from "./targets.ts";
import type { Destination } from "./targets.ts";

export interface TransportOptions extends Pick<DialOptions, "apiServer" | "resolve"> {
  /** The list in force now. */
  targets(): readonly AgentTarget[];
  readonly log: Logger;
}

/** The proxy gives up on an open after 20 s; a person should learn the reason before. */
const DIAL_TIMEOUT_MS = 10_000;

/** As many as two tunnels may carry; each holds a socket and at most two windows of 2 MiB. */
const MAX_CONNECTIONS = 8192;

interface Live {
  readonly request: TransportRequest;
  /** Ends the dial or the relay. */
  readonly abort: AbortController;
}

export class Transports {
  readonly #options: TransportOptions;
  readonly #live = new Set<Live>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Connections and dials under way, of all proxies. */
  get size(): number {
    return this.#live.size;
  }

  /** Answers one channel; resolves when it is over, refused or closed. Never rejects. */
  async serve(channel: IncomingChannel, proxy: string): Promise<void> {
    const request = this.#parse(channel, proxy);
    if (request === undefined) return;
    const log = this.#options.log.child({ proxy, ...describe(request) });
    const decision = decideTarget(this.#options.targets(), request.host, request.port);
    if (!decision.allowed) {
      refuse(channel, decision.reason, log);
      return;
    }
    if (this.#live.size >= MAX_CONNECTIONS) {
      log.warn("connection refused", { reason: "too-many-channels" });
      channel.refuse("resource-shortage", "too-many-channels");
      return;
    }
    const live: Live = { request, abort: new AbortController() };
    this.#live.add(live);
    try {
      await this.#relay(channel, decision.destination, { log, signal: live.abort.signal });
    } finally {
      this.#live.delete(live);
    }
  }

  /** Cuts what the list no longer covers. */
  applyTargets(): void {
    for (const live of [...this.#live]) {
      if (!decideTarget(this.#options.targets(), live.request.host, live.request.port).allowed)
        live.abort.abort();
    }
  }

  /** Cuts everything. */
  close(): void {
    for (const live of [...this.#live]) live.abort.abort();
  }

  #parse(channel: IncomingChannel, proxy: string): TransportRequest | undefined {
    try {
      return decodeTransportRequest(channel.payload);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      refuse(channel, "malformed-request", this.#options.log.child({ proxy, error: error.message }));
      return undefined;
    }
  }

  async #relay(
    channel: IncomingChannel,
    destination: Destination,
    { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
  ): Promise<void> {
    const started = performance.now();
    const socket = await this.#dial(channel, destination, { log, signal });
    if (socket === undefined) return;
    const opened = performance.now();
    const splice = spliceSocket(channel.accept(), socket);
    const { remoteAddress: address, remotePort } = socket;
    log.info("connection opened", {
      address,
      addressPort: remotePort,
      elapsedMs: Math.round(opened - started),
    });
    signal.addEventListener("abort", () => {
      splice.abort();
    });
    // It may have been cut in the moment between dial and relay.
    if (signal.aborted) splice.abort();
    await splice.closed;
    log.info("connection closed", {
      durationMs: Math.round(performance.now() - opened),
      bytesIn: splice.bytesIn(),
      bytesOut: splice.bytesOut(),
      cut: signal.aborted,
    });
  }

  /** A connected socket, or undefined when the channel has been refused. */
  async #dial(
    channel: IncomingChannel,
    destination: Destination,
    { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
  ): Promise<Socket | undefined> {
    const { apiServer, resolve } = this.#options;
    const started = performance.now();
    try {
      const result = await dialTarget(destination, {
        apiServer,
        timeoutMs: DIAL_TIMEOUT_MS,
        signal,
        ...(resolve === undefined ? {} : { resolve }),
      });
      if (result.connected) return result.socket;
      refuse(channel, result.reason, log);
    } catch (error) {
      log.warn("target not reached", {
        elapsedMs: Math.round(performance.now() - started),
        ...errorFields(error),
      });
      channel.refuse("connect-failed", error instanceof AgentError ? error.message : "cannot connect");
    }
    return undefined;
  }
}

function refuse(channel: IncomingChannel, reason: TransportRefusal, log: Logger): void {
  log.warn("connection refused", { reason });
  channel.refuse("prohibited", reason);
}

function describe({
  host,
  port,
  user,
  sessionId,
  clientAddress,
}: TransportRequest): Readonly<Record<string, unknown>> {
  return { host, port, user, session: sessionId, client: clientAddress };
}
