/**
 * The audit log: one JSON line for everything that lets somebody in, keeps them
 * out, or ends what they had. The names of events and the fields: packages/wire. What each line says: docs/audit.md.
 *
 * A flood is counted, not written down: lines about strangers have a budget, for each address and in all, and so have
 * refusals inside a person's connection. What was left out is said once it is over; the metrics have counted all of it.
 */
import { auditLine } from "@teleport-access/wire";
import type { AuditEvent } from "@teleport-access/wire";
import type { Clock, Logger } from "@teleport-access/daemon";
import { createConnectionBudget } from "./connection-budget.ts";
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
  const refusals = createConnectionBudget(clock);
  function write(event: AuditEvent): void {
    log.info(event.event, auditLine(event));
  }
  function writeWithheld(
    lines: number,
    whose: Pick<AuditEvent, "user" | "client" | "connection"> = {},
  ): void {
    if (lines > 0) write({ event: "audit.withheld", outcome: "info", ...whose, detail: { lines } });
  }
  /** What one connection's refusals left out, in its name. */
  function sayFor({ event, user, client, connection }: AuditEvent): void {
    if (connection === undefined || user === undefined || client === undefined) return;
    const over = event === "connection.end";
    writeWithheld(over ? refusals.forget(connection) : refusals.takeWithheld(connection), {
      user,
      client,
      connection,
    });
  }
  return {
    record(event) {
      if (event.outcome === "denied") {
        metrics.denied.inc({ event: event.event, reason: event.reason ?? "unknown" });
      }
      if (isAboutStranger(event) && !budget.take(event.client ?? "")) return;
      if (isRefusalInside(event) && !refusals.take(event.connection ?? "")) return;
      writeWithheld(budget.takeWithheld());
      sayFor(event);
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

/** Whether a person's connection causes the line by asking for what it does not get. */
function isRefusalInside({ event, outcome, user, connection }: AuditEvent): boolean {
  if (outcome !== "denied" || user === undefined || connection === undefined) return false;
  switch (event) {
    case "channel.open":
    case "channel.request":
    case "target.dial":
    case "target.login":
      return true;
    default:
      return false;
  }
}
