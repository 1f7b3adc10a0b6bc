/**
 * The agent's configuration: key `config.json` of ConfigMap `<cluster>-agent-config`,
 * written by the operator, read by the agent as a file and by watch.
 */
import { boolean, ConfigError, fields, list, optional, string } from "@teleport-access/daemon";

import { parseAddress, parseTunnelAddress } from "./address.ts";
import { publicKeyLine } from "./key-lines.ts";
import { MAX_CA_KEYS, MAX_LABEL_LENGTH, MAX_PROXIES, MAX_TARGETS } from "./limits.ts";
import { CLUSTER_NAME } from "./names.ts";
import { parseAgentTarget } from "./targets.ts";
import type { AgentTarget } from "./targets.ts";

export interface AgentProxy {
  readonly name: string;
  /** `host:port` of the proxy's tunnel port, or `wss://host[:port]` of its web port; resolved anew at each dial. */
  readonly address: string;
  /** OpenSSH lines: the only host keys that the agent accepts there. */
  readonly hostKeys: readonly string[];
  /** OpenSSH lines: the user CAs of this proxy that the cluster's targets trust. */
  readonly userCAKeys: readonly string[];
  /** True ends the tunnels to this proxy and dials no more. */
  readonly suspend: boolean;
}

export interface AgentConfig {
  readonly cluster: string;
  readonly proxies: readonly AgentProxy[];
  /** The only places that the agent dials. */
  readonly targets: readonly AgentTarget[];
}

/** @throws ConfigError naming the field */
export function parseAgentConfig(value: unknown): AgentConfig {
  const config = fields(value, "configuration");
  const proxies = list(config["proxies"], "proxies", parseProxy, { max: MAX_PROXIES });
  const names = new Set(proxies.map((proxy) => proxy.name));
  if (names.size < proxies.length)
    throw new ConfigError("CONFIG_INVALID", "proxies: two entries have one name");
  return {
    cluster: clusterName(config["cluster"], "cluster"),
    proxies,
    targets: list(config["targets"], "targets", parseAgentTarget, { max: MAX_TARGETS }),
  };
}

function clusterName(value: unknown, field: string): string {
  return string(value, field, {
    max: MAX_LABEL_LENGTH,
    pattern: CLUSTER_NAME,
    description: "a name of lower-case letters, digits and dashes",
  });
}

function parseProxy(value: unknown, field: string): AgentProxy {
  const proxy = fields(value, field);
  return {
    name: clusterName(proxy["name"], `${field}.name`),
    address: tunnelAddressText(proxy["address"], `${field}.address`),
    hostKeys: list(proxy["hostKeys"], `${field}.hostKeys`, publicKeyLine, { min: 1, max: MAX_CA_KEYS }),
    userCAKeys: list(proxy["userCAKeys"], `${field}.userCAKeys`, publicKeyLine, { max: MAX_CA_KEYS }),
    suspend: optional(proxy["suspend"], `${field}.suspend`, boolean) ?? false,
  };
}

/** A checked `host:port`. */
export function addressText(value: unknown, field: string): string {
  return checkedAddress(value, field, { parse: parseAddress, form: "host:port" });
}

/** A checked `host:port` or `wss://host[:port]`. */
function tunnelAddressText(value: unknown, field: string): string {
  return checkedAddress(value, field, { parse: parseTunnelAddress, form: "host:port or wss://host[:port]" });
}

function checkedAddress(
  value: unknown,
  field: string,
  { parse, form }: { parse: (text: string) => object | undefined; readonly form: string },
): string {
  const text = string(value, field, { max: 300 });
  if (parse(text) !== undefined) return text;
  throw new ConfigError(
    "CONFIG_INVALID",
    `${field}: must be ${form}, not ${JSON.stringify(text.slice(0, 60))}`,
  );
}
