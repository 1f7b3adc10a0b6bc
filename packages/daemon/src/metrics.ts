/**
 * Metrics, named `teleport_<program>_<noun>_<unit or total>`.
 *
 * Labels come from closed sets: a user's or a host's name is never a label, or
 * the number of series would be in the hands of strangers.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export type { Counter, Gauge, Histogram, Registry } from "prom-client";

export interface Metrics {
  readonly registry: Registry;
  /** `name` is without the prefix and ends in `_total`. */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels: readonly L[],
    buckets: readonly number[],
  ): Histogram<L>;
}

const NAME = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/** The metrics of one program, with its memory and processor time already among them. */
export function createMetrics(program: string): Metrics {
  const registry = new Registry();
  function named(name: string): string {
    const full = `teleport_${program.replaceAll("-", "_")}_${name}`;
    if (!NAME.test(full) || name.startsWith("teleport_")) throw new RangeError(`bad metric name ${name}`);
    return full;
  }
  const metrics: Metrics = {
    registry,
    counter(name, help, labels = []) {
      if (!name.endsWith("_total")) throw new RangeError(`counter ${name} must end in _total`);
      return new Counter({ name: named(name), help, labelNames: labels, registers: [registry] });
    },
    gauge(name, help, labels = []) {
      return new Gauge({ name: named(name), help, labelNames: labels, registers: [registry] });
    },
    histogram(name, help, labels, buckets) {
      return new Histogram({
        name: named(name),
        help,
        labelNames: labels,
        buckets: [...buckets],
        registers: [registry],
      });
    },
  };
  addProcess(registry, named);
  return metrics;
}

// prom-client's own default metrics keep a timer running for the event loop's delay; these cost nothing until asked for.
function addProcess(registry: Registry, named: (name: string) => string): void {
  new Gauge({
    name: named("resident_memory_bytes"),
    help: "Resident memory of the process.",
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: named("cpu_seconds"),
    help: "Processor time that the process has used, user and system.",
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.set((user + system) / 1e6);
    },
  });
}
