/**
 * May the agent dial this? The only place that answers.
 *
 * Pure, and asked twice: before the name is resolved (is it listed?) and after
 * (is this address one that the entry may lead to?). The proxy has checked grants;
 * this list is the cluster owner's own word, whatever a proxy asks for.
 */
import { BlockList, isIP } from "node:net";

import { globMatches, isLiteralHost, lowerAscii, parseAddress } from "@teleport-access/wire";
import type { AgentTarget } from "@teleport-access/wire";

/** What to dial for a listed target. */
export interface Destination {
  /** A name or an IP address. */
  readonly host: string;
  readonly port: number;
  /** The entry names the host itself: it may lead anywhere, loopback included. */
  readonly exact: boolean;
}

export type TargetDecision =
  | { readonly allowed: true; readonly destination: Destination }
  | { readonly allowed: false; readonly reason: "target-not-listed" };

const SSH_PORT = 22;

/** Finds the entry for a host and port. An exact entry goes before any glob, so that it can say more than they do. */
export function decideTarget(targets: readonly AgentTarget[], host: string, port: number): TargetDecision {
  const name = lowerAscii(host);
  const candidates = targets.filter((target) => portsOf(target).includes(port));
  const exact = candidates.find((target) => isLiteralHost(target.host) && lowerAscii(target.host) === name);
  if (exact !== undefined) return { allowed: true, destination: destinationOf(exact, name, port) };
  const glob = candidates.some((target) => !isLiteralHost(target.host) && globMatches(target.host, name));
  if (glob) return { allowed: true, destination: { host: name, port, exact: false } };
  // No list, no targets: nothing is dialled by default.
  return { allowed: false, reason: "target-not-listed" };
}

/** No ports means SSH's. */
function portsOf(target: AgentTarget): readonly number[] {
  return target.ports.length === 0 ? [SSH_PORT] : target.ports;
}

function destinationOf(target: AgentTarget, host: string, port: number): Destination {
  if (target.address === undefined) return { host, port, exact: true };
  const override = isIP(target.address) === 0 ? parseAddress(target.address) : undefined;
  return override === undefined
    ? { host: target.address, port, exact: true }
    : { host: override.host, port: override.port, exact: true };
}

/** Ranges that a name may resolve to by malice or mistake and that no glob means. */
const FORBIDDEN: readonly (readonly [string, number])[] = [
  // "This host" (RFC 1122, section 3.2.1.3): Linux connects to itself.
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  // Link-local, the metadata service of every cloud among it.
  ["169.254.0.0", 16],
  // Multicast and broadcast are nobody's SSH server.
  ["224.0.0.0", 3],
  // Unspecified, loopback and the deprecated IPv4-compatible addresses (RFC 4291, section 2.5.5.1).
  ["::", 96],
  ["fe80::", 10],
  ["ff00::", 8],
  // The metadata service of AWS on IPv6.
  ["fd00:ec2::254", 128],
  // The IPv4 ranges above, behind NAT64 (RFC 6052).
  ["64:ff9b::", 104],
  ["64:ff9b::7f00:0", 104],
  ["64:ff9b::a9fe:0", 112],
  ["64:ff9b::e000:0", 99],
];

const forbidden = new BlockList();
for (const [net, prefix] of FORBIDDEN) forbidden.addSubnet(net, prefix, familyOf(net));

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}

/** Whether no glob may lead to this address. `apiServer` holds the addresses of the API server. */
export function isForbiddenAddress(address: string, apiServer: readonly string[]): boolean {
  // A zone ("%eth0") only occurs on link-local addresses.
  if (isIP(address) === 0 || address.includes("%")) return true;
  // BlockList also looks inside ::ffff:a.b.c.d.
  if (forbidden.check(address, familyOf(address))) return true;
  const own = new BlockList();
  for (const server of apiServer) if (isIP(server) !== 0) own.addAddress(server, familyOf(server));
  return own.check(address, familyOf(address));
}
