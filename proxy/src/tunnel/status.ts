/**
 * Tells the TrustedHostCAs how many tunnels this pod holds: each pod applies its own entry of
 * `status.proxies`, at most once in five seconds; the operator adds them up.
 */
import { API_VERSION } from "@teleport-access/crd";
import { customResource, isKubeError } from "@teleport-access/kube";
import type { KubeClient } from "@teleport-access/kube";
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";

/** A tunnel that flaps must not become a stream of writes. */
const MIN_INTERVAL_MS = 5000;

/** What the writer needs. */
export interface TunnelStatusOptions {
  readonly kube: Pick<KubeClient, "applyStatus">;
  readonly namespace: string;
  readonly pod: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The tunnels of a cluster, now. */
  count(cluster: string): number;
}

/** The writer. */
export interface TunnelStatusWriter {
  /** A tunnel of the cluster came or went. */
  changed(cluster: string): void;
  /** Takes back this pod's entries, as far as the API server answers. */
  close(): Promise<void>;
}

/** Makes the writer; it writes nothing until something changes. */
export function createTunnelStatusWriter(options: TunnelStatusOptions): TunnelStatusWriter {
  return new Writer(options);
}

class Writer implements TunnelStatusWriter {
  readonly #options: TunnelStatusOptions;
  readonly #pending = new Set<string>();
  readonly #written = new Set<string>();
  #timer: Timer | undefined;
  #last = -MIN_INTERVAL_MS;

  constructor(options: TunnelStatusOptions) {
    this.#options = options;
  }

  changed(cluster: string): void {
    this.#pending.add(cluster);
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await Promise.all([...this.#written].map((cluster) => this.#apply(cluster, [])));
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(Math.max(0, this.#last + MIN_INTERVAL_MS - clock.monotonic()), () => {
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const { clock, pod } = this.#options;
    const clusters = [...this.#pending];
    this.#pending.clear();
    const lastUpdateTime = new Date(clock.now()).toISOString();
    await Promise.all(
      clusters.map((cluster) =>
        this.#apply(cluster, [{ pod, tunnels: this.#options.count(cluster), lastUpdateTime }]),
      ),
    );
    this.#last = clock.monotonic();
    this.#timer = undefined;
    if (this.#pending.size > 0) this.#schedule();
  }

  async #apply(name: string, proxies: readonly object[]): Promise<void> {
    const { kube, namespace, pod, log } = this.#options;
    try {
      await kube.applyStatus(
        customResource("trustedhostcas"),
        {
          apiVersion: API_VERSION,
          kind: "TrustedHostCA",
          metadata: { name, namespace },
          status: { proxies },
        },
        { fieldManager: `teleport-access-proxy/${pod}` },
      );
      this.#written.add(name);
    } catch (error) {
      this.#written.delete(name);
      // The trust was deleted: its tunnels are ending, and there is nothing to tell.
      if (isKubeError(error, "KUBE_NOT_FOUND")) return;
      log.warn("tunnel status was not written", { cluster: name, ...errorFields(error) });
      // An unknown field or a missing right does not heal by itself; everything else is worth another try.
      if (!isKubeError(error, "KUBE_FORBIDDEN") && !isKubeError(error, "KUBE_INVALID"))
        this.#pending.add(name);
    }
  }
}
