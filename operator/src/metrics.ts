/** What the operator tells Prometheus about its work. */
import type { Metrics } from "@teleport-access/daemon";
import type { ReconcileOutcome } from "@teleport-access/kube";

export interface OperatorMetrics {
  readonly observe: (pass: { readonly outcome: ReconcileOutcome; readonly seconds: number }) => void;
  /** Counts a write that changed something. */
  readonly wrote: (verb: "apply" | "delete", kind: string) => void;
  setLeading(leading: boolean): void;
  watchQueue(length: () => number): void;
}

/** From a pass that finds nothing to do to one that makes an RSA key. */
const PASS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15];

export function createOperatorMetrics(metrics: Metrics): OperatorMetrics {
  const passes = metrics.counter("reconciles_total", "Passes over a resource, by outcome.", ["outcome"]);
  const seconds = metrics.histogram("reconcile_seconds", "Time of a pass.", [], PASS_SECONDS);
  const writes = metrics.counter("writes_total", "Objects applied or deleted because they differed.", [
    "verb",
    "kind",
  ]);
  const leading = metrics.gauge("leading", "1 while this process holds the Lease.");
  const queued = metrics.gauge("queue_length", "Resources that wait for a look.");
  return {
    observe(pass) {
      passes.inc({ outcome: pass.outcome });
      seconds.observe(pass.seconds);
    },
    wrote(verb, kind) {
      writes.inc({ verb, kind });
    },
    setLeading(value) {
      leading.set(value ? 1 : 0);
    },
    watchQueue(length) {
      Object.assign(queued, {
        collect() {
          queued.set(length());
        },
      });
    },
  };
}
