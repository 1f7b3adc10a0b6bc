/**
 * The list of places that an agent may dial, as configured and as announced.
 */
import { createHash } from "node:crypto";

import { ConfigError, fields, integer, list, optional, string } from "@teleport-access/daemon";

import { parseAddress } from "./address.ts";
import { MAX_NAME_LENGTH, MAX_TARGET_PORTS, MAX_TARGETS } from "./limits.ts";
import { HOST_GLOB } from "./names.ts";

/** What a proxy learns about a target: never where it really is. */
export interface AnnouncedTarget {
  /** A host of the cluster, or a glob. */
  readonly host: string;
  /** Empty means 22 only. */
  readonly ports: readonly number[];
}

/** One entry of the agent's allow-list. */
export interface AgentTarget extends AnnouncedTarget {
  /** What to dial instead of the host: `name`, `name:port` or an IP address. Only for a host without wildcards. */
  readonly address?: string;
}

export function portNumber(value: unknown, field: string): number {
  return integer(value, field, { min: 1, max: 65_535 });
}

function hostGlob(value: unknown, field: string): string {
  return string(value, field, {
    max: MAX_NAME_LENGTH,
    pattern: HOST_GLOB,
    description: "a host name or a glob",
  });
}

export function parseAnnouncedTarget(value: unknown, field: string): AnnouncedTarget {
  const target = fields(value, field);
  return {
    host: hostGlob(target["host"], `${field}.host`),
    ports: optional(target["ports"], `${field}.ports`, portList) ?? [],
  };
}

function portList(value: unknown, field: string): readonly number[] {
  return list(value, field, portNumber, { max: MAX_TARGET_PORTS });
}

export function parseAnnouncedTargets(value: unknown, field: string): readonly AnnouncedTarget[] {
  return list(value, field, parseAnnouncedTarget, { max: MAX_TARGETS });
}

export function parseAgentTarget(value: unknown, field: string): AgentTarget {
  const target = parseAnnouncedTarget(value, field);
  const address = optional(fields(value, field)["address"], `${field}.address`, dialAddress);
  if (address === undefined) return target;
  if (/[*?]/.test(target.host)) {
    throw new ConfigError("CONFIG_INVALID", `${field}.address: needs a host without wildcards`);
  }
  return { ...target, address };
}

/** A name or address, with or without a port; port 22 stands in to check the form of one without. */
function dialAddress(value: unknown, field: string): string {
  const text = string(value, field, { max: MAX_NAME_LENGTH });
  const forms = [text, `${text}:22`, `[${text}]:22`];
  if (forms.some((form) => parseAddress(form) !== undefined)) return text;
  throw new ConfigError("CONFIG_INVALID", `${field}: must be a host name or address, with or without a port`);
}

/** A short name for a list of targets, the same whatever its order: the operator and the proxies compare it. */
export function digestTargets(targets: readonly AnnouncedTarget[]): string {
  const lines = targets.map(({ host, ports }) => JSON.stringify([host, [...ports].sort((a, b) => a - b)]));
  return `sha256:${createHash("sha256").update(lines.sort().join("\n")).digest("hex")}`;
}
