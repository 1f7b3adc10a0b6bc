/** What the SSH half of the proxy measures. Labels are closed sets: no user and no host is one. */
import type { Counter, Gauge, Histogram, Metrics } from "@teleport-access/daemon";

/** The proxy's own metrics. */
export interface ProxyMetrics {
  readonly denied: Counter<"event" | "reason">;
  readonly sessions: Gauge;
  readonly tunnels: Gauge;
  readonly cutSeconds: Histogram;
  readonly sessionBytes: Counter<"direction">;
  readonly accessListAge: Gauge;
}

/** A cut is one turn of the event loop; a second is a defect. */
const CUT_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Registers them. */
export function createProxyMetrics(metrics: Metrics): ProxyMetrics {
  return {
    denied: metrics.counter("denied_total", "Refusals, by audit event and reason.", ["event", "reason"]),
    sessions: metrics.gauge("sessions", "Connections and sessions of people that are open now."),
    tunnels: metrics.gauge("tunnels", "Tunnels of agents that are open now."),
    cutSeconds: metrics.histogram(
      "cut_seconds",
      "From the moment the proxy learnt that access had ended to the cut of a session.",
      [],
      CUT_BUCKETS,
    ),
    sessionBytes: metrics.counter(
      "session_bytes_total",
      "Bytes carried for people, counted at a session's end.",
      ["direction"],
    ),
    accessListAge: metrics.gauge("access_list_age_seconds", "Since the access list was last proved current."),
  };
}
