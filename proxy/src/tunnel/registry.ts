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
  /** Channels that people have open in it. */
  channels(): number;
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
  TunnelRefusal | "trust-replaced" | "shutdown" | "protocol-error" | "closed" | "no-hello";

/** All tunnels of one proxy pod. */
export interface TunnelRegistry {
  /** Takes a tunnel in, and judges it at once: trust may have changed since it authenticated. */
  add(tunnel: Tunnel): void;
  remove(tunnel: Tunnel): void;
  count(cluster: string): number;
  readonly size: number;
  /** The tunnel of the cluster with the fewest channels: a bulk copy does not sit in front of keystrokes. */
  leastBusy(cluster: string): Tunnel | undefined;
  /** What the cluster's agents announce, all together. */
  announcedTargets(cluster: string): readonly AnnouncedTarget[];
  /** How many each cluster has, those with none left out. */
  counts(): ReadonlyMap<string, number>;
  /** Holds every tunnel against the trust of now. */
  judge(): void;
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

class Registry implements TunnelRegistry {
  readonly #store: Pick<AccessStore, "cluster">;
  readonly #clock: Clock;
  readonly #tunnels = new Set<Tunnel>();
  readonly #listeners: ((cluster: string) => void)[] = [];
  readonly #drained = new WeakSet<Tunnel>();

  constructor(store: Pick<AccessStore, "cluster">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get size(): number {
    return this.#tunnels.size;
  }

  add(tunnel: Tunnel): void {
    const { cluster } = tunnel.identity;
    this.#tunnels.add(tunnel);
    this.#judgeOne(tunnel, this.#clock.now());
    if (this.count(cluster) > (this.#store.cluster(cluster)?.maxTunnels ?? 0)) tunnel.end("too-many-tunnels");
    this.#tell(cluster);
  }

  remove(tunnel: Tunnel): void {
    if (this.#tunnels.delete(tunnel)) this.#tell(tunnel.identity.cluster);
  }

  count(cluster: string): number {
    return this.#of(cluster).length;
  }

  leastBusy(cluster: string): Tunnel | undefined {
    const now = this.#clock.now();
    return this.#of(cluster)
      .filter((tunnel) => now < expiryOf(tunnel.identity.certificate))
      .reduce<Tunnel | undefined>(
        (best, tunnel) => (best === undefined || tunnel.channels() < best.channels() ? tunnel : best),
        undefined,
      );
  }

  announcedTargets(cluster: string): readonly AnnouncedTarget[] {
    const targets = this.#of(cluster).flatMap((tunnel) => tunnel.targets());
    return [...new Map(targets.map((target) => [target.host, target])).values()];
  }

  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { identity } of this.#tunnels) {
      counts.set(identity.cluster, (counts.get(identity.cluster) ?? 0) + 1);
    }
    return counts;
  }

  judge(): void {
    const now = this.#clock.now();
    for (const tunnel of [...this.#tunnels]) this.#judgeOne(tunnel, now);
  }

  broadcast(message: ProxyMessage): void {
    for (const tunnel of this.#tunnels) tunnel.send(message);
  }

  end(reason: TunnelEnd): void {
    for (const tunnel of [...this.#tunnels]) tunnel.end(reason);
  }

  onChange(listener: (cluster: string) => void): void {
    this.#listeners.push(listener);
  }

  #of(cluster: string): Tunnel[] {
    return [...this.#tunnels].filter((tunnel) => tunnel.identity.cluster === cluster);
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
