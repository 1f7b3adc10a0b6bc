/**
 * The audit log: one JSON line for everything that lets somebody in, keeps them
 * out, or ends what they had. The names of events and the fields: packages/wire.
 */
import { auditLine } from "@teleport-access/wire";
import type { AuditEvent } from "@teleport-access/wire";
import type { Logger } from "@teleport-access/daemon";
import type { ProxyMetrics } from "./metrics.ts";

/** Where audit events go. */
export interface Audit {
  record(event: AuditEvent): void;
}

/** What an audit log is made of. */
export interface AuditOptions {
  readonly log: Logger;
  readonly metrics: Pick<ProxyMetrics, "denied">;
}

/** Writes audit lines into the program's log, and counts refusals by event and reason. */
export function createAudit({ log, metrics }: AuditOptions): Audit {
  return {
    record(event) {
      log.info(event.event, auditLine(event));
      if (event.outcome === "denied") {
        metrics.denied.inc({ event: event.event, reason: event.reason ?? "unknown" });
      }
    },
  };
}
