/**
 * What one agent pod sees of each proxy: a key of ConfigMap `<cluster>-agent-report`,
 * named after the pod. The operator makes status of it and gates rotations by it.
 */
import { fields, list, optional, string } from "@teleport-access/daemon";

import { fingerprints, fingerprintText } from "./key-lines.ts";
import { MAX_CA_KEYS, MAX_LABEL_LENGTH, MAX_NAME_LENGTH, MAX_PROXIES, MAX_REPLICAS } from "./limits.ts";

export interface AgentProxyReport {
  readonly name: string;
  /** The replicas that a tunnel is up to. */
  readonly replicas: readonly string[];
  /** Since when at least one tunnel is up without a break (RFC 3339). */
  readonly since?: string;
  /** Why the last try failed; absent once every replica is covered. */
  readonly lastError?: string;
  /** The host CAs that the proxy says it trusts for this cluster. */
  readonly trustedHostCAFingerprints: readonly string[];
}

export interface AgentReport {
  readonly pod: string;
  /** When this was written (RFC 3339). */
  readonly time: string;
  readonly targetsDigest: string;
  /** The user CAs in the agent's configuration, of all proxies. */
  readonly userCAFingerprints: readonly string[];
  readonly proxies: readonly AgentProxyReport[];
}

/** Enough for a sentence; the log has the rest. */
export const MAX_REPORT_ERROR_LENGTH = 256;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** @throws ConfigError naming the field: whoever can write the ConfigMap could put anything there */
export function parseAgentReport(value: unknown): AgentReport {
  const report = fields(value, "report");
  return {
    pod: string(report["pod"], "pod", { max: MAX_NAME_LENGTH }),
    time: time(report["time"], "time"),
    targetsDigest: string(report["targetsDigest"], "targetsDigest", {
      pattern: DIGEST,
      description: "sha256:<hex>",
    }),
    userCAFingerprints: list(report["userCAFingerprints"], "userCAFingerprints", fingerprintText, {
      max: MAX_PROXIES * MAX_CA_KEYS,
    }),
    proxies: list(report["proxies"], "proxies", parseProxy, { max: MAX_PROXIES }),
  };
}

function time(value: unknown, field: string): string {
  return string(value, field, { pattern: TIME, description: "a time in UTC such as 2026-01-02T15:04:05Z" });
}

function parseProxy(value: unknown, field: string): AgentProxyReport {
  const proxy = fields(value, field);
  const since = optional(proxy["since"], `${field}.since`, time);
  const lastError = optional(proxy["lastError"], `${field}.lastError`, errorText);
  return {
    name: string(proxy["name"], `${field}.name`, { max: MAX_LABEL_LENGTH }),
    replicas: list(proxy["replicas"], `${field}.replicas`, replicaName, { max: MAX_REPLICAS }),
    ...(since === undefined ? {} : { since }),
    ...(lastError === undefined ? {} : { lastError }),
    trustedHostCAFingerprints: fingerprints(
      proxy["trustedHostCAFingerprints"],
      `${field}.trustedHostCAFingerprints`,
    ),
  };
}

function replicaName(value: unknown, field: string): string {
  return string(value, field, { max: MAX_NAME_LENGTH });
}

function errorText(value: unknown, field: string): string {
  return string(value, field, { max: MAX_REPORT_ERROR_LENGTH });
}
