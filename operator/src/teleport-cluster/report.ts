/**
 * Reads what the agents of a cluster report: ConfigMap `<cluster>-agent-report`,
 * one key per agent pod. Pure. The agents are not trusted: a report that cannot be
 * read says nothing, and no text of it is longer than a status may be.
 */
import { parseAgentReport, type AgentReport } from "@teleport-access/wire";
import type { ConfigMap } from "../objects.ts";

/** The bound of `status.proxies[].message`. */
const MAX_MESSAGE = 512;

/** What is known of the tunnels to one proxy. */
export interface ProxyConnection {
  readonly name: string;
  /** Agent pods with at least one tunnel. */
  readonly connectedPods: number;
  readonly lastConnectTime?: string;
  readonly lastError?: string;
}

/** The reports of the pods that exist. */
export function readReports(report: ConfigMap | undefined, pods: ReadonlySet<string>): AgentReport[] {
  return Object.entries(report?.data ?? {}).flatMap(([pod, text]) => {
    if (!pods.has(pod)) return [];
    try {
      return [parseAgentReport(JSON.parse(text))];
    } catch {
      return [];
    }
  });
}

/** Pods that reported once and are gone: their entries are to be dropped. */
export function goneReporters(report: ConfigMap | undefined, pods: ReadonlySet<string>): string[] {
  return Object.keys(report?.data ?? {}).filter((pod) => !pods.has(pod));
}

/** How the reports add up for the proxy called `name`. */
export function connectionOf(name: string, reports: readonly AgentReport[]): ProxyConnection {
  const entries = reports.flatMap((report) => report.proxies.filter((proxy) => proxy.name === name));
  const connected = entries.filter((entry) => entry.replicas.length > 0);
  const since = connected.flatMap((entry) => entry.since ?? []).sort();
  const errors = entries
    .filter((entry) => entry.replicas.length === 0)
    .flatMap((entry) => entry.lastError ?? []);
  const [latest] = since.slice(-1);
  const [error] = errors;
  return {
    name,
    connectedPods: connected.length,
    ...(latest === undefined ? {} : { lastConnectTime: latest }),
    ...(error === undefined ? {} : { lastError: error.slice(0, MAX_MESSAGE) }),
  };
}
