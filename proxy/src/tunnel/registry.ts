/**
 * The tunnels that agents have open to this proxy, by cluster: which one a new
 * channel takes, what their agents announce, and which must go when trust changes.
 */
import { expiryOf, refuseTunnel } from "@teleport-access/access";
import type { AnnouncedTarget, TunnelRefusal } from "@teleport-access/access";
import type { Clock } from "@teleport-access/daemon";
import type { Certificate } from "@teleport-access/sshcert";
import type { SshChannel } from "@teleport-access/ssh";
import type { ProxyMessage, TransportRequest } from "@teleport-access/wire";
import type { AccessStore } from "../acl/store.ts";

/** Who an agent proved to be. */
export interface TunnelIdentity {
  readonly cluster: string;
  /** Trust that was taken away and given again is new trust. */
  readonly trustUid: string;
  readonly certificate: Certificate;
  readonly source: string;
}

/** One agent's connection, once its agent has said hello. */
export interface Tunnel {
  readonly identity: TunnelIdentity;
  /** The agent's pod. */
  readonly agent: string;
  /** What the agent last announced. */
  targets(): readonly AnnouncedTarget[];
  /** Channels that people have open in it, or wait for. */
  channels(): number;
  /** Its agent was asked to dial, and has not answered anything since: what is free here is no advantage. */
  readonly silent: boolean;
  /** Its connection is over, whoever ended it. */
  readonly ended: boolean;
  open(request: TransportRequest): Promise<SshChannel>;
  send(message: ProxyMessage): void;
  /** Tells the agent which host CAs are trusted, if that is news: its report carries it, and a rotation waits for that. */
  tellAuthorities(fingerprints: readonly string[]): void;
  /** Ends it, and every channel in it, at once. */
  end(reason: TunnelEnd): void;
}

/** Why a tunnel ended, in the audit log. */
export type TunnelEnd =
  TunnelRefusal | "trust-replaced" | "shutdown" | "protocol-error" | "closed" | "no-hello" | "no-answer";

/** Of two tunnels the worse one by any number of channels. */
const ASKED = 1e6;
const SILENT = 1e9;

function costOf(tunnel: Tunnel, asked: ReadonlySet<string>): number {
  return tunnel.channels() + (asked.has(tunnel.agent) ? ASKED : 0) + (tunnel.silent ? SILENT : 0);
}

/** All tunnels of one proxy pod. */
export interface TunnelRegistry {
  /** Takes a tunnel in, and judges it at once: trust may have changed since it authenticated. */
  add(tunnel: Tunnel): void;
  remove(tunnel: Tunnel): void;
  count(cluster: string): number;
  readonly size: number;
  /**
   * The tunnel of the cluster with the fewest channels: a bulk copy does not sit in front of keystrokes. One whose
   * agent does not answer is the last choice, one of an agent that was asked already the last but one.
   */
  leastBusy(cluster: string, asked?: readonly Tunnel[]): Tunnel | undefined;
  /** What the cluster's agents announce, all together. */
  announcedTargets(cluster: string): readonly AnnouncedTarget[];
  /** Holds the tunnels of these clusters against the trust of now. */
  judge(clusters: readonly string[]): void;
  /** Judges the tunnels whose certificate has ended by the clock, or has not begun: clocks are set back, too. */
  catchUp(): void;
  /** Tells everybody who is there, a few in a turn of the event loop; messages keep their order. */
  broadcast(message: ProxyMessage): void;
  /** Ends all of them. */
  end(reason: TunnelEnd): void;
  /** Called after a tunnel came or went. */
  onChange(listener: (cluster: string) => void): void;
}

/** Makes an empty registry. */
export function createTunnelRegistry(store: Pick<AccessStore, "cluster">, clock: Clock): TunnelRegistry {
  return new Registry(store, clock);
}

/** When a tunnel's certificate is good, in milliseconds since 1970: ten thousand of them are looked at each second. */
interface Validity {
  readonly from: number;
  readonly to: number;
}

/** Tunnels that are told something in one turn: 1 ms, and no more buffers at once than are kept (packages/ssh's socket-output.ts). */
export const TOLD_IN_A_TURN = 25;

interface News {
  readonly message: ProxyMessage;
  /** Who has not been told. */
  readonly to: Tunnel[];
}

class Registry implements TunnelRegistry {
  readonly #store: Pick<AccessStore, "cluster">;
  readonly #clock: Clock;
  readonly #tunnels = new Map<Tunnel, Validity>();
  /** The same by cluster, those with none left out. */
  readonly #clusters = new Map<string, Set<Tunnel>>();
  readonly #listeners: ((cluster: string) => void)[] = [];
  readonly #drained = new WeakSet<Tunnel>();
  readonly #news: News[] = [];

  constructor(store: Pick<AccessStore, "cluster">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get size(): number {
    return this.#tunnels.size;
  }

  add(tunnel: Tunnel): void {
    const { cluster, certificate } = tunnel.identity;
    this.#tunnels.set(tunnel, { from: Number(certificate.validAfter) * 1000, to: expiryOf(certificate) });
    const members = this.#clusters.get(cluster) ?? new Set();
    this.#clusters.set(cluster, members.add(tunnel));
    this.#judgeOne(tunnel, this.#clock.now());
    if (this.count(cluster) > (this.#store.cluster(cluster)?.maxTunnels ?? 0)) tunnel.end("too-many-tunnels");
    this.#tell(cluster);
  }

  remove(tunnel: Tunnel): void {
    if (!this.#tunnels.delete(tunnel)) return;
    const { cluster } = tunnel.identity;
    const members = this.#clusters.get(cluster);
    members?.delete(tunnel);
    if (members?.size === 0) this.#clusters.delete(cluster);
    this.#tell(cluster);
  }

  count(cluster: string): number {
    return this.#clusters.get(cluster)?.size ?? 0;
  }

  leastBusy(cluster: string, asked: readonly Tunnel[] = []): Tunnel | undefined {
    const now = this.#clock.now();
    const agents = new Set(asked.map(({ agent }) => agent));
    let best: Tunnel | undefined;
    let least = Infinity;
    for (const tunnel of this.#clusters.get(cluster) ?? []) {
      const cost = costOf(tunnel, agents);
      const open = cost < least && now < (this.#tunnels.get(tunnel)?.to ?? 0) && !asked.includes(tunnel);
      if (open) [best, least] = [tunnel, cost];
    }
    return best;
  }

  announcedTargets(cluster: string): readonly AnnouncedTarget[] {
    const targets = this.#of(cluster).flatMap((tunnel) => tunnel.targets());
    return [...new Map(targets.map((target) => [target.host, target])).values()];
  }

  judge(clusters: readonly string[]): void {
    const now = this.#clock.now();
    for (const cluster of clusters) for (const tunnel of this.#of(cluster)) this.#judgeOne(tunnel, now);
  }

  catchUp(): void {
    const now = this.#clock.now();
    // Numbers only. What is found is ended after the walk, which ending would disturb.
    const found: Tunnel[] = [];
    for (const [tunnel, { from, to }] of this.#tunnels) if (now < from || now >= to) found.push(tunnel);
    for (const tunnel of found) this.#judgeOne(tunnel, now);
  }

  broadcast(message: ProxyMessage): void {
    this.#news.push({ message, to: [...this.#tunnels.keys()] });
    if (this.#news.length === 1) this.#tellNews();
  }

  #tellNews(): void {
    const [first] = this.#news;
    if (first === undefined) return;
    for (const tunnel of first.to.splice(0, TOLD_IN_A_TURN)) if (!tunnel.ended) tunnel.send(first.message);
    if (first.to.length === 0) this.#news.shift();
    if (this.#news.length > 0) {
      this.#clock.setTimer(0, () => {
        this.#tellNews();
      });
    }
  }

  end(reason: TunnelEnd): void {
    for (const tunnel of [...this.#tunnels.keys()]) tunnel.end(reason);
  }

  onChange(listener: (cluster: string) => void): void {
    this.#listeners.push(listener);
  }

  /** A copy: judging a tunnel may end it. */
  #of(cluster: string): Tunnel[] {
    return [...(this.#clusters.get(cluster) ?? [])];
  }

  #judgeOne(tunnel: Tunnel, now: number): void {
    const { cluster, trustUid, certificate, source } = tunnel.identity;
    const trust = this.#store.cluster(cluster);
    const reason = refuseTunnel({ cluster, certificate, source, now }, trust);
    if (reason === "certificate-expired") this.#retire(tunnel);
    else if (reason !== undefined) tunnel.end(reason);
    else if (trust?.uid !== trustUid) tunnel.end("trust-replaced");
    else tunnel.tellAuthorities(trust.fingerprints);
  }

  /**
   * An agent's certificate lasts days and was renewed long before its end, on new connections. What people have
   * open in the old one is not cut for that; nothing new is opened, and the last one out ends it.
   */
  #retire(tunnel: Tunnel): void {
    if (tunnel.channels() === 0) {
      tunnel.end("certificate-expired");
    } else if (!this.#drained.has(tunnel)) {
      this.#drained.add(tunnel);
      tunnel.send({ type: "drain" });
    }
  }

  #tell(cluster: string): void {
    for (const listener of this.#listeners) listener(cluster);
  }
}
