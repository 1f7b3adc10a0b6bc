/** The configuration of the tests' proxy, as an operator would write it. */
import type { ProxyConfig } from "@teleport-access/wire";

export const PROXY_CONFIG: ProxyConfig = {
  name: "acme",
  publicAddresses: { web: "https://proxy.test", ssh: "proxy.test:3023", tunnel: "proxy.test:3024" },
  certificates: { defaultTtlSeconds: 28_800, maxTtlSeconds: 86_400 },
  web: { sessionTtlSeconds: 3600, idleTimeoutSeconds: 1200, terminal: true },
  authentication: { lockout: { maxAttempts: 5, windowSeconds: 900 }, totpIssuer: "acme" },
  revocation: { maxStalenessSeconds: 60, onStale: "DenyNew" },
  limits: { maxConnections: 5000, maxSessionsPerUser: 50, handshakesPerSecond: 500 },
  proxyProtocolRanges: [],
};
