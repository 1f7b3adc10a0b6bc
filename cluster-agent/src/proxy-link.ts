/**
 * All tunnels to one proxy: dials until every replica is covered, keeps it so,
 * and makes the new before it lets go of the old.
 */
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";
import { SshError } from "@teleport-access/ssh";
import type { IncomingChannel, SshClientConnection } from "@teleport-access/ssh";
import { fingerprint, parsePublicKeyLine } from "@teleport-access/sshcert";
import {
  CONTROL_VERSION,
  MAX_CHANNELS_PER_TUNNEL,
  MAX_REPORT_ERROR_LENGTH,
  parseTunnelAddress,
  tunnelUserName,
} from "@teleport-access/wire";
import type { AgentProxy, AgentProxyReport, AgentTarget, ProxyMessage } from "@teleport-access/wire";

import { planCoverage } from "./coverage.ts";
import type { Need } from "./coverage.ts";
import { dialProxy } from "./dial-proxy.ts";
import type { DialProxyDeps } from "./dial-proxy.ts";
import { sameCertificate } from "./host-identity.ts";
import type { HostIdentity } from "./host-identity.ts";
import { RedialPace } from "./redial-pace.ts";
import { Tunnel } from "./tunnel.ts";

export interface LinkDeps extends Pick<DialProxyDeps, "random" | "connect"> {
  readonly cluster: string;
  readonly podName: string;
  identity(): HostIdentity;
  targets(): readonly AgentTarget[];
  serve(channel: IncomingChannel, proxy: string): Promise<void>;
  /** Something that the report or the readiness shows has changed. */
  changed(): void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Finds the proxy's addresses. @default the system's resolver */
  readonly resolveProxy?: DialProxyDeps["resolve"];
}

/** Dial, key exchange and authentication: ten thousand agents in line take half of it, a dead address for ever. */
const CONNECT_TIMEOUT_MS = 30_000;

export class ProxyLink {
  readonly #deps: LinkDeps;
  readonly #log: Logger;
  readonly #pace: RedialPace;
  readonly #tunnels: Tunnel[] = [];
  #proxy: AgentProxy;
  #announced: readonly string[] = [];
  #trusted: readonly string[] = [];
  #since: number | undefined;
  #lastError: string | undefined;
  #timer: Timer | undefined;
  /** What the timer is set for. */
  #waitsFor: Need = "none";
  #dialling = false;
  #closed = false;

  constructor(proxy: AgentProxy, deps: LinkDeps) {
    this.#proxy = proxy;
    this.#deps = deps;
    this.#log = deps.log.child({ proxy: proxy.name });
    this.#pace = new RedialPace({
      now: () => deps.clock.monotonic(),
      random: deps.random ?? Math.random,
    });
  }

  /** Whether at least one tunnel is up. */
  get up(): boolean {
    return this.#tunnels.some((tunnel) => tunnel.replica !== undefined);
  }

  get channels(): number {
    return this.#tunnels.reduce((sum, tunnel) => sum + tunnel.channels, 0);
  }

  start(): void {
    this.#step();
  }

  /** New settings for the same proxy. What they no longer allow is cut at once. */
  update(proxy: AgentProxy): void {
    const before = this.#proxy;
    this.#proxy = proxy;
    if (mustCut(before, proxy)) this.#cutAll("configuration");
    else if (before.address !== proxy.address) this.#outdateAll();
    if (before.userCAKeys.join("\n") !== proxy.userCAKeys.join("\n")) this.announce();
    this.#retryNow();
  }

  /** Tells the proxy what the configuration says now. */
  announce(): void {
    for (const tunnel of this.#tunnels) tunnel.send({ type: "targets", ...this.#announcement() });
  }

  /** A new certificate is there: tunnels made with it replace the others. */
  renew(): void {
    this.#outdateOldCertificates();
    this.#retryNow();
  }

  /** Dials no more; ends the tunnels that nobody uses, the others when they are idle. */
  drain(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const tunnel of [...this.#tunnels]) {
      if (tunnel.channels === 0) tunnel.end("agent shuts down");
    }
  }

  /** Cuts everything. */
  close(reason: string): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#cutAll(reason);
  }

  report(): AgentProxyReport {
    const replicas = this.#tunnels.flatMap(({ replica }) => replica ?? []);
    return {
      name: this.#proxy.name,
      replicas: [...new Set(replicas)].sort(),
      ...(this.#since === undefined ? {} : { since: new Date(this.#since).toISOString() }),
      ...(this.#lastError === undefined
        ? {}
        : { lastError: this.#lastError.slice(0, MAX_REPORT_ERROR_LENGTH) }),
      trustedHostCAFingerprints: this.#trusted,
    };
  }

  #cutAll(reason: string): void {
    for (const tunnel of [...this.#tunnels]) tunnel.end(reason);
  }

  #outdateAll(): void {
    for (const tunnel of this.#tunnels) tunnel.outdated = true;
  }

  #outdateOldCertificates(): void {
    const { certificate } = this.#deps.identity();
    for (const tunnel of this.#tunnels) {
      if (!sameCertificate(tunnel.identity.certificate, certificate)) tunnel.outdated = true;
    }
  }

  #retryNow(): void {
    this.#pace.reset();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#step();
  }

  /** Brings what is closer to what should be: closes what is too many, dials once if something is missing. */
  #step(): void {
    const need = this.#plan();
    if (need === "none" || this.#held(need)) return;
    if (need === "spare") this.#wait(need, this.#pace.spare());
    else void this.#dial();
  }

  /** As `#step`, but waits before it dials. */
  #stepLater(): void {
    const need = this.#plan();
    if (need !== "none" && !this.#held(need)) this.#wait(need, this.#pace.next());
  }

  /** A dial or a wait is under way. That for a spare tunnel holds nothing up which is needed more. */
  #held(need: Need): boolean {
    if (this.#dialling) return true;
    return this.#timer !== undefined && (need === "spare" || this.#waitsFor === "replica");
  }

  /** Closes what is too many. Returns what to dial for. */
  #plan(): Need {
    if (this.#closed || !isUsable(this.#proxy)) return "none";
    const { covered, dial, close } = planCoverage(this.#announced, this.#tunnels);
    for (const tunnel of close) tunnel.end("not needed");
    if (covered) {
      this.#pace.reset();
      this.#setError(undefined);
    }
    return dial;
  }

  #wait(need: Need, ms: number): void {
    this.#timer?.cancel();
    this.#waitsFor = need;
    this.#timer = this.#deps.clock.setTimer(ms, () => {
      this.#timer = undefined;
      if (this.#plan() !== "none" && !this.#dialling) void this.#dial();
    });
  }

  /** One attempt; never rejects. */
  async #dial(): Promise<void> {
    this.#dialling = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    const proxy = this.#proxy;
    try {
      const tunnel = await this.#connect(proxy);
      // Settings may have changed meanwhile.
      if (this.#closed || mustCut(proxy, this.#proxy)) tunnel.end("configuration");
      else if (proxy.address !== this.#proxy.address) tunnel.outdated = true;
      else this.#outdateOldCertificates();
    } catch (error) {
      this.#log.warn("proxy not reached", errorFields(error));
      this.#setError(errorFields(error).error);
      this.#pace.failed(error instanceof SshError && error.code === "SSH_UNREACHABLE");
    }
    this.#dialling = false;
    // The hello tells more, and ends the wait if it is good news.
    this.#stepLater();
  }

  async #connect(proxy: AgentProxy): Promise<Tunnel> {
    const address = parseTunnelAddress(proxy.address);
    if (address === undefined) throw new RangeError(`no address: ${proxy.address}`);
    const { cluster, clock, random, connect, resolveProxy } = this.#deps;
    const identity = this.#deps.identity();
    const options = {
      user: tunnelUserName(cluster),
      hostKeyPins: proxy.hostKeys.map((line) => parsePublicKeyLine(line)),
      identity,
      timeoutMs: CONNECT_TIMEOUT_MS,
      maxChannels: MAX_CHANNELS_PER_TUNNEL,
    };
    const connection = await dialProxy(address, options, { clock, random, connect, resolve: resolveProxy });
    return this.#add(connection, identity);
  }

  #add(connection: SshClientConnection, identity: HostIdentity): Tunnel {
    const tunnel = new Tunnel(connection, identity, {
      clock: this.#deps.clock,
      log: this.#log,
      events: {
        hello: () => ({
          type: "hello",
          version: CONTROL_VERSION,
          agent: this.#deps.podName,
          cluster: this.#deps.cluster,
          ...this.#announcement(),
        }),
        changed: (message) => {
          this.#take(tunnel, message);
        },
        idle: () => {
          if (this.#closed && tunnel.channels === 0) tunnel.end("agent shuts down");
          else this.#step();
        },
        serve: (channel) => this.#deps.serve(channel, this.#proxy.name),
      },
    });
    this.#tunnels.push(tunnel);
    tunnel.onClose((error) => {
      this.#remove(tunnel, error);
    });
    return tunnel;
  }

  #announcement(): {
    readonly userCAFingerprints: string[];
    readonly targets: { host: string; ports: readonly number[] }[];
  } {
    return {
      userCAFingerprints: this.#proxy.userCAKeys.map((line) => fingerprint(parsePublicKeyLine(line))),
      // Where a target really is, is the cluster's own business.
      targets: this.#deps.targets().map(({ host, ports }) => ({ host, ports })),
    };
  }

  #take(tunnel: Tunnel, message: ProxyMessage): void {
    switch (message.type) {
      case "hello":
        this.#trusted = message.hostCAFingerprints;
        this.#since ??= this.#deps.clock.now();
        this.#log.info("tunnel opened", { replica: message.replica });
        // One more replica covered: the next may be dialled at once. A duplicate waits its turn.
        if (this.#isNew(tunnel)) this.#retryNow();
        else this.#stepLater();
        break;
      case "authorities":
        this.#trusted = message.hostCAFingerprints;
        break;
      case "replicas":
        this.#takeReplicas(message.replicas);
        break;
      case "drain":
        this.#log.info("replica drains", { replica: tunnel.replica });
        this.#retryNow();
        break;
    }
    this.#deps.changed();
  }

  #takeReplicas(replicas: readonly string[]): void {
    const known = new Set(this.#announced);
    const news = replicas.some((replica) => !known.has(replica));
    this.#announced = replicas;
    if (news) this.#retryNow();
    else this.#step();
  }

  /** Whether this tunnel added something: its replica was not covered twice before it. */
  #isNew(tunnel: Tunnel): boolean {
    return !planCoverage(this.#announced, this.#tunnels).close.includes(tunnel);
  }

  #remove(tunnel: Tunnel, error: unknown): void {
    const index = this.#tunnels.indexOf(tunnel);
    if (index >= 0) this.#tunnels.splice(index, 1);
    this.#log.info("tunnel closed", {
      replica: tunnel.replica,
      ...(error === undefined ? {} : errorFields(error)),
    });
    if (!this.up) {
      this.#since = undefined;
      if (tunnel.replica !== undefined) this.#pace.lost();
    }
    if (error !== undefined) this.#setError(errorFields(error).error);
    // Not at once: every agent of the estate has just lost the same replica.
    this.#stepLater();
    this.#deps.changed();
  }

  #setError(message: string | undefined): void {
    if (message === this.#lastError) return;
    this.#lastError = message;
    this.#deps.changed();
  }
}

/** A proxy whose people no target would believe is not dialled. */
function isUsable(proxy: AgentProxy): boolean {
  return !proxy.suspend && proxy.userCAKeys.length > 0;
}

/**
 * Whether tunnels made under the old settings may not live on: the proxy was
 * suspended, all its user CAs were taken away, or a host key that they may rest on
 * is no longer pinned. Removing one CA of several is the end of a rotation and
 * cuts nobody.
 */
function mustCut(before: AgentProxy, after: AgentProxy): boolean {
  if (!isUsable(after)) return true;
  if (!before.userCAKeys.some((line) => after.userCAKeys.includes(line)) && before.userCAKeys.length > 0)
    return true;
  return !before.hostKeys.every((line) => after.hostKeys.includes(line));
}
