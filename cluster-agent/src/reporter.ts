/**
 * Writes what the agent sees into its key of the report ConfigMap, when it has
 * changed and at most once in two seconds. Failure never disturbs the tunnels.
 */
import { createBackoff, errorFields } from "@teleport-access/daemon";
import type { Backoff, Clock, Logger, Timer } from "@teleport-access/daemon";
import { RESOURCES } from "@teleport-access/kube";
import type { KubeClient } from "@teleport-access/kube";
import type { AgentReport } from "@teleport-access/wire";

export interface ReporterOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The ConfigMap; the operator makes it. */
  readonly name: string;
  readonly podName: string;
  report(): AgentReport;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A proxy of ten replicas that restarts makes one write, not twenty. */
export const REPORT_EVERY_MS = 2_000;
/** The API server may be away for long; status can wait. */
const BACKOFF = { initialMs: 2_000, maxMs: 60_000 };
/** The last write must not keep a pod from ending. */
const LAST_WRITE_MS = 2_000;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #backoff: Backoff = createBackoff(BACKOFF);
  /** What was last written, its time left out. */
  #written = "";
  #timer: Timer | undefined;
  #writing = false;
  #failed = false;
  #closed = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Something may have changed. */
  changed(): void {
    if (this.#closed || this.#writing || this.#timer !== undefined) return;
    this.#later(0);
  }

  /** Takes the pod's key out: what it saw is no longer so. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    try {
      await this.#apply({}, LAST_WRITE_MS);
    } catch (error) {
      this.#options.log.debug("report not removed", errorFields(error));
    }
  }

  #later(ms: number): void {
    this.#timer = this.#options.clock.setTimer(ms, () => {
      void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#writing = true;
    const report = this.#options.report();
    const content = JSON.stringify({ ...report, time: "" });
    let waitMs = REPORT_EVERY_MS;
    try {
      if (content !== this.#written) await this.#apply({ [this.#options.podName]: JSON.stringify(report) });
      this.#written = content;
      this.#succeeded();
    } catch (error) {
      waitMs = Math.max(REPORT_EVERY_MS, this.#backoff.next());
      this.#options.log[this.#failed ? "debug" : "warn"]("report not written", errorFields(error));
      this.#failed = true;
    }
    this.#writing = false;
    this.#timer = undefined;
    if (!this.#closed) this.#pause(waitMs);
  }

  #succeeded(): void {
    this.#backoff.reset();
    this.#failed = false;
  }

  /** Looks again after the pause if there is something new. */
  #pause(ms: number): void {
    this.#timer = this.#options.clock.setTimer(ms, () => {
      this.#timer = undefined;
      const now = JSON.stringify({ ...this.#options.report(), time: "" });
      if (now !== this.#written) this.#later(0);
    });
  }

  async #apply(data: Readonly<Record<string, string>>, timeoutMs?: number): Promise<void> {
    const { client, namespace, name, podName } = this.#options;
    await client.apply(
      RESOURCES.configmaps,
      { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data },
      {
        // A manager of its own per pod: each owns one key, and nobody overwrites another's. 128 is Kubernetes' bound.
        fieldManager: `teleport-access-agent/${podName}`.slice(0, 128),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
    );
  }
}
