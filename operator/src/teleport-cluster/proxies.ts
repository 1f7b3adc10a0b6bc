/**
 * Turns `spec.proxies` of a TeleportCluster into what agents need: where to dial,
 * which host keys to pin, which user CA keys to trust. Pure.
 *
 * An entry that cannot be used now keeps its last good form, so that a slip of
 * the pen does not cut a cluster off; `suspend` and removal always take effect.
 */
import type { TeleportClusterSpecProxy, TeleportProxy } from "@teleport-access/crd";
import { parseTunnelAddress } from "@teleport-access/wire";
import type { AgentConfig } from "@teleport-access/wire";
import { readKeyLines, readKeySource, type KeyList } from "../public-keys.ts";
import type { ConfigMap, Secret } from "../objects.ts";

export type AgentProxy = AgentConfig["proxies"][number];

export interface ProxyProblem {
  readonly reason: "InvalidSpec" | "InvalidKey" | "SourceNotFound" | "ProxyNotFound" | "DependencyNotReady";
  readonly message: string;
}

export interface ResolvedProxies {
  readonly proxies: readonly AgentProxy[];
  /** What is wrong with entries, in their order. */
  readonly problems: readonly ProxyProblem[];
}

export interface ProxySources {
  /** The object that `userCAKeysFrom` of the entry called `name` refers to. */
  keySource(name: string): ConfigMap | Secret | undefined;
  proxy(name: string): TeleportProxy | undefined;
  /** Entries of the configuration that agents have now. */
  readonly lastGood: readonly AgentProxy[];
}

type Entry = Omit<AgentProxy, "suspend">;
type Resolution =
  { readonly ok: true; readonly entry: Entry } | { readonly ok: false; readonly problem: ProxyProblem };

export function resolveProxies(
  specs: readonly TeleportClusterSpecProxy[],
  sources: ProxySources,
): ResolvedProxies {
  const proxies: AgentProxy[] = [];
  const problems: ProxyProblem[] = [];
  for (const [index, spec] of specs.entries()) {
    const resolved = resolve(spec, `spec.proxies[${index}]`, sources);
    if (!resolved.ok) problems.push(resolved.problem);
    const entry = resolved.ok ? resolved.entry : sources.lastGood.find((last) => last.name === spec.name);
    if (entry !== undefined) proxies.push({ ...entry, suspend: spec.suspend });
  }
  return { proxies, problems };
}

function resolve(spec: TeleportClusterSpecProxy, field: string, sources: ProxySources): Resolution {
  if (spec.proxyRef !== undefined) return resolveReference(spec, field, sources.proxy(spec.proxyRef.name));
  const hostKeys = readKeyLines(`${field}.hostKeys`, spec.hostKeys ?? []);
  if (!hostKeys.ok) return { ok: false, problem: hostKeys };
  const userCAKeys = readUserCaKeys(spec, field, sources);
  if (!userCAKeys.ok) return { ok: false, problem: userCAKeys };
  const { address = "" } = spec;
  if (parseTunnelAddress(address) === undefined) {
    const message = `${field}.address: ${address} is no address: it must be host:port or wss://host[:port]`;
    return { ok: false, problem: { reason: "InvalidSpec", message } };
  }
  const entry = {
    name: spec.name,
    address,
    hostKeys: hostKeys.lines,
    userCAKeys: userCAKeys.lines,
  };
  return { ok: true, entry };
}

function readUserCaKeys(spec: TeleportClusterSpecProxy, field: string, sources: ProxySources): KeyList {
  const { userCAKeysFrom } = spec;
  return userCAKeysFrom === undefined
    ? readKeyLines(`${field}.userCAKeys`, spec.userCAKeys ?? [])
    : readKeySource(`${field}.userCAKeysFrom`, userCAKeysFrom, sources.keySource(spec.name));
}

/** A proxy of the same namespace is dialled at its Service: that works wherever its public address leads. */
function resolveReference(
  spec: TeleportClusterSpecProxy,
  field: string,
  proxy: TeleportProxy | undefined,
): Resolution {
  const reference = `TeleportProxy ${spec.proxyRef?.name ?? ""} (${field}.proxyRef)`;
  if (proxy === undefined) {
    const message = `${reference} does not exist in this namespace`;
    return { ok: false, problem: { reason: "ProxyNotFound", message } };
  }
  const { hostKeys, userCAKeys } = publishedKeys(proxy);
  if (hostKeys.length === 0 || userCAKeys.length === 0) {
    const message = `${reference} has no keys yet; its status says why`;
    return { ok: false, problem: { reason: "DependencyNotReady", message } };
  }
  const { name, namespace = "" } = proxy.metadata;
  const address = `${name}.${namespace}.svc:${proxy.spec.service.ports.tunnel}`;
  return { ok: true, entry: { name: spec.name, address, hostKeys, userCAKeys } };
}

function publishedKeys({ status }: TeleportProxy): Pick<Entry, "hostKeys" | "userCAKeys"> {
  const userCAKeys = (status?.userCA?.publicKeys ?? []).map((published) => published.key);
  return { hostKeys: status?.hostKeys ?? [], userCAKeys };
}
