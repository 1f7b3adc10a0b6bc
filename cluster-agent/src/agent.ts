/**
 * The agent as one object: a link per proxy of the configuration, and everything
 * that changes while it runs.
 */
import { systemClock } from "@teleport-access/daemon";
import type { Clock, Logger } from "@teleport-access/daemon";
import { digestTargets } from "@teleport-access/wire";
import type { AgentConfig, AgentReport } from "@teleport-access/wire";
import { fingerprint, parsePublicKeyLine } from "@teleport-access/sshcert";

import type { HostIdentity } from "./host-identity.ts";
import { ProxyLink } from "./proxy-link.ts";
import type { LinkDeps } from "./proxy-link.ts";
import { Transports } from "./transports.ts";
import type { TransportOptions } from "./transports.ts";

export interface AgentOptions
  extends
    Pick<TransportOptions, "apiServer" | "resolve">,
    Pick<LinkDeps, "random" | "connect" | "resolveProxy"> {
  readonly config: AgentConfig;
  readonly identity: HostIdentity;
  readonly podName: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** What `report` or `ready` say may have changed. */
  readonly changed?: () => void;
}

export interface Agent {
  /** Why the agent is not ready; empty while at least one tunnel is up. */
  notReady(): readonly string[];
  report(): AgentReport;
  /** New configuration: narrowing takes effect before this returns. */
  reconfigure(config: AgentConfig): void;
  /** A renewed host certificate. */
  renew(identity: HostIdentity): void;
  /** Takes no new work, waits for the connections under way, at most `graceMs`, then cuts. */
  drain(graceMs: number): Promise<void>;
  /** Cuts everything. */
  close(): void;
}

/** Starts to dial. */
export function startAgent(options: AgentOptions): Agent {
  return new RunningAgent(options);
}

/** How often a draining agent looks whether the last connection has ended. */
const DRAIN_LOOK_MS = 200;

class RunningAgent implements Agent {
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #transports: Transports;
  readonly #links = new Map<string, ProxyLink>();
  #config: AgentConfig;
  #identity: HostIdentity;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#config = options.config;
    this.#identity = options.identity;
    this.#transports = new Transports({
      targets: () => this.#config.targets,
      apiServer: options.apiServer,
      log: options.log,
      ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
    });
    for (const proxy of options.config.proxies) this.#startLink(proxy);
  }

  notReady(): readonly string[] {
    return [...this.#links.values()].some((link) => link.up) ? [] : ["no tunnel is up"];
  }

  report(): AgentReport {
    const lines = new Set(this.#config.proxies.flatMap((proxy) => proxy.userCAKeys));
    const fingerprints = [...lines].map((line) => fingerprint(parsePublicKeyLine(line)));
    return {
      pod: this.#options.podName,
      time: new Date(this.#clock.now()).toISOString(),
      targetsDigest: digestTargets(this.#config.targets),
      userCAFingerprints: [...new Set(fingerprints)].sort(),
      proxies: [...this.#links.values()].map((link) => link.report()),
    };
  }

  reconfigure(config: AgentConfig): void {
    const before = this.#config;
    this.#config = config;
    this.#transports.applyTargets();
    const names = new Set(config.proxies.map((proxy) => proxy.name));
    for (const [name, link] of this.#links) {
      if (names.has(name)) continue;
      this.#links.delete(name);
      link.close("removed from the configuration");
    }
    for (const proxy of config.proxies) {
      const link = this.#links.get(proxy.name);
      if (link === undefined) this.#startLink(proxy);
      else link.update(proxy);
    }
    if (JSON.stringify(before.targets) !== JSON.stringify(config.targets)) {
      for (const link of this.#links.values()) link.announce();
    }
    this.#options.changed?.();
  }

  renew(identity: HostIdentity): void {
    this.#identity = identity;
    for (const link of this.#links.values()) link.renew();
  }

  async drain(graceMs: number): Promise<void> {
    for (const link of this.#links.values()) link.drain();
    const deadline = this.#clock.monotonic() + graceMs;
    while (this.#transports.size > 0 && this.#clock.monotonic() < deadline) await this.#pause(DRAIN_LOOK_MS);
    this.close();
  }

  close(): void {
    for (const link of this.#links.values()) link.close("agent shuts down");
    this.#transports.close();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(ms, resolve);
    });
  }

  #startLink(proxy: AgentConfig["proxies"][number]): void {
    const { podName, log, random, connect, resolveProxy } = this.#options;
    const link = new ProxyLink(proxy, {
      cluster: this.#config.cluster,
      podName,
      identity: () => this.#identity,
      targets: () => this.#config.targets,
      serve: (channel, name) => this.#transports.serve(channel, name),
      changed: () => this.#options.changed?.(),
      clock: this.#clock,
      log,
      random,
      connect,
      resolveProxy,
    });
    this.#links.set(proxy.name, link);
    link.start();
  }
}
