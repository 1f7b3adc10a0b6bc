/**
 * The audit log: one JSON line for everything that lets somebody in, keeps them
 * out, or ends what they had. The names of events and the fields: packages/wire. What each line says: docs/audit.md.
 *
 * A flood is counted, not written down: lines about strangers have a budget, for each address and in all. What
 * was left out is said once it is over; the metrics have counted all of it.
 */
import { auditLine } from "@teleport-access/wire";
import type { AuditEvent } from "@teleport-access/wire";
import type { Clock, Logger } from "@teleport-access/daemon";
import { createLineBudget } from "./line-budget.ts";
import type { ProxyMetrics } from "./metrics.ts";

/** Where audit events go. */
export interface Audit {
  record(event: AuditEvent): void;
}

/** What an audit log is made of. */
export interface AuditOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Pick<ProxyMetrics, "denied">;
}

/** Writes audit lines into the program's log, and counts refusals by event and reason. */
export function createAudit({ log, clock, metrics }: AuditOptions): Audit {
  const budget = createLineBudget(clock);
  function write(event: AuditEvent): void {
    log.info(event.event, auditLine(event));
  }
  return {
    record(event) {
      if (event.outcome === "denied") {
        metrics.denied.inc({ event: event.event, reason: event.reason ?? "unknown" });
      }
      if (isAboutStranger(event) && !budget.take(event.client ?? "")) return;
      const withheld = budget.takeWithheld();
      if (withheld > 0) write({ event: "audit.withheld", outcome: "info", detail: { lines: withheld } });
      write(event);
    },
  };
}

/** Whether anybody who reaches a port can cause the line: nobody has proven anything yet. */
function isAboutStranger({ event, outcome, user, cluster }: AuditEvent): boolean {
  switch (event) {
    case "connection.open":
      return true;
    case "connection.end":
      return user === undefined && cluster === undefined;
    case "ssh.auth":
    case "tunnel.auth":
      return outcome === "denied";
    default:
      return false;
  }
}
