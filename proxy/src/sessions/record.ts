/** What the audit log and the metrics say about a session that ended. */
import type { AuditEvent } from "@teleport-access/wire";
import type { Clock } from "@teleport-access/daemon";
import type { Audit } from "../audit.ts";
import type { ProxyMetrics } from "../metrics.ts";
import type { SessionEnd } from "./registry.ts";

/** Where a session's end is written down. */
export interface RecordDeps {
  readonly audit: Audit;
  readonly clock: Clock;
  readonly metrics: Pick<ProxyMetrics, "cutSeconds" | "sessionBytes">;
}

/** Writes one line for the end; a cut says which grant was lost and how long the cut took. */
export function recordEnd(end: SessionEnd, { audit, clock, metrics }: RecordDeps): void {
  const cut = end.milliseconds !== undefined;
  if (cut) metrics.cutSeconds.observe(end.milliseconds / 1000);
  metrics.sessionBytes.inc({ direction: "in" }, end.bytesIn ?? 0);
  metrics.sessionBytes.inc({ direction: "out" }, end.bytesOut ?? 0);
  audit.record({
    event: "session.end",
    outcome: cut ? "denied" : "info",
    reason: end.reason,
    user: end.user,
    client: end.session.client,
    session: end.id,
    ...placeOf(end),
    ...(end.grant === undefined ? {} : { grant: end.grant }),
    ...(end.bytesIn === undefined ? {} : { bytesIn: end.bytesIn }),
    ...(end.bytesOut === undefined ? {} : { bytesOut: end.bytesOut }),
    ...(cut ? { elapsedMs: round(end.milliseconds) } : {}),
    durationMs: Math.round(clock.now() - end.openedAt),
    detail: { kind: end.session.kind },
  });
}

function placeOf({ session }: SessionEnd): Pick<AuditEvent, "cluster" | "target" | "login" | "connection"> {
  const { cluster, target, login, connection } = session;
  return {
    ...(connection === undefined ? {} : { connection }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(target === undefined ? {} : { target }),
    ...(login === undefined ? {} : { login }),
  };
}

/** Microseconds are enough. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
