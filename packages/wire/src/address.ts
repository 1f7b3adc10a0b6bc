/**
 * `host:port` as people write it, also `[2001:db8::1]:port`.
 */
import { isIP, isIPv6 } from "node:net";

export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

const HOST_AND_PORT =
  /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?)):(\d{1,5})$/;

/** Undefined for what is no address; the port is never optional. */
export function parseAddress(text: string): Address | undefined {
  const [, v6, name, digits] = HOST_AND_PORT.exec(text) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65_535)) return undefined;
  if (v6 !== undefined) return isIPv6(v6) ? { host: v6, port } : undefined;
  // "1.2.3.4.5" or "999.1.1.1" would go to the resolver and confuse whoever reads the error.
  if (name === undefined || (/^[\d.]+$/.test(name) && isIP(name) === 0)) return undefined;
  return { host: name, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where an agent dials: the tunnel port, or the web port with a WebSocket around the same SSH. */
export interface TunnelAddress extends Address {
  readonly transport: "tcp" | "wss";
}

const HTTPS_PORT = 443;

/** `host:port`, or `wss://host[:port]`. Undefined for anything else, a path among it. */
export function parseTunnelAddress(text: string): TunnelAddress | undefined {
  if (!text.startsWith("wss://")) {
    const address = parseAddress(text);
    return address === undefined ? undefined : { ...address, transport: "tcp" };
  }
  const rest = text.slice("wss://".length);
  const address = parseAddress(rest) ?? parseAddress(`${rest}:${HTTPS_PORT}`);
  return address === undefined ? undefined : { ...address, transport: "wss" };
}
