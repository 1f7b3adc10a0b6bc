import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfigError } from "@teleport-access/daemon";
import { formatPublicKeyLine, generatePrivateKey, publicKeyOf, SshWriter } from "@teleport-access/sshcert";
import fc from "fast-check";

import { parseAgentConfig } from "./agent-config.ts";
import type { AgentConfig } from "./agent-config.ts";
import { parseAgentReport } from "./agent-report.ts";
import type { AgentReport } from "./agent-report.ts";
import { auditLine, AUDIT_EVENTS } from "./audit.ts";
import { parseProxyConfig } from "./proxy-config.ts";
import type { ProxyConfig } from "./proxy-config.ts";

const line = formatPublicKeyLine(publicKeyOf(generatePrivateKey("Ed25519")), "a comment");
const offCurve = new SshWriter()
  .string("ecdsa-sha2-nistp256")
  .string("nistp256")
  .string(Buffer.alloc(65, 4))
  .done();

const PROXY = {
  name: "main",
  address: "access.example:3024",
  hostKeys: [line],
  userCAKeys: [line],
  suspend: false,
};
const AGENT: AgentConfig = {
  cluster: "prod",
  proxies: [PROXY],
  targets: [
    { host: "web-*", ports: [22, 2222] },
    { host: "db", ports: [], address: "10.0.0.5:2200" },
    { host: "v6", ports: [], address: "2001:db8::1" },
  ],
};
const PROXY_CONFIG: ProxyConfig = {
  name: "main",
  publicAddresses: {
    web: "https://access.example",
    ssh: "access.example:3023",
    tunnel: "access.example:3024",
  },
  certificates: { defaultTtlSeconds: 28_800, maxTtlSeconds: 86_400 },
  web: { sessionTtlSeconds: 3600, idleTimeoutSeconds: 1200, terminal: true },
  authentication: { lockout: { maxAttempts: 5, windowSeconds: 900 }, totpIssuer: "Example Ltd." },
  revocation: { maxStalenessSeconds: 60, onStale: "DenyNew" },
  limits: { maxConnections: 5000, maxSessionsPerUser: 50, handshakesPerSecond: 50 },
  proxyProtocolRanges: ["10.0.0.0/8", "2001:db8::/32"],
};
const REPORT: AgentReport = {
  pod: "prod-agent-x",
  time: "2026-01-02T03:04:05.678Z",
  targetsDigest: `sha256:${"0".repeat(64)}`,
  userCAFingerprints: [`SHA256:${"A".repeat(43)}`],
  proxies: [
    {
      name: "main",
      replicas: ["main-a"],
      since: "2026-01-02T03:04:05Z",
      lastError: "why",
      trustedHostCAFingerprints: [],
    },
    { name: "other", replicas: [], trustedHostCAFingerprints: [] },
  ],
};

const FILES: readonly { parse: (value: unknown) => unknown; good: object }[] = [
  { parse: parseAgentConfig, good: AGENT },
  { parse: parseProxyConfig, good: PROXY_CONFIG },
  { parse: parseAgentReport, good: REPORT },
];
for (const { parse, good } of FILES) {
  test(`${parse.name} reads what was written`, () => {
    assert.deepEqual(parse(JSON.parse(JSON.stringify(good))), good);
    assert.deepEqual(parse({ ...good, ofANewerOperator: 1 }), good);
  });

  test(`${parse.name} reads any value or throws ConfigError`, () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(good)), (value, field) => {
        for (const input of [value, { ...good, [field]: value }]) {
          try {
            parse(input);
          } catch (error) {
            assert.ok(error instanceof ConfigError, String(error));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
}

const WRONG: readonly { parse: (value: unknown) => unknown; value: unknown; want: RegExp }[] = [
  { parse: parseAgentConfig, value: { ...AGENT, cluster: "a.b" }, want: /^cluster: must be/ },
  {
    parse: parseAgentConfig,
    value: { ...AGENT, proxies: [PROXY, PROXY] },
    want: /^proxies: two entries have one name/,
  },
  {
    parse: parseAgentConfig,
    value: { ...AGENT, proxies: [{ ...PROXY, address: "access.example" }] },
    want: /^proxies\[0\]\.address: must be host:port/,
  },
  {
    parse: parseAgentConfig,
    value: { ...AGENT, proxies: [{ ...PROXY, hostKeys: [] }] },
    want: /^proxies\[0\]\.hostKeys: must have at least 1/,
  },
  {
    parse: parseAgentConfig,
    value: { ...AGENT, proxies: [{ ...PROXY, hostKeys: ["ssh-rsa AAAA"] }] },
    want: /^proxies\[0\]\.hostKeys\[0\]: is no usable/,
  },
  {
    parse: parseAgentConfig,
    value: {
      ...AGENT,
      proxies: [{ ...PROXY, userCAKeys: [`ecdsa-sha2-nistp256 ${offCurve.toString("base64")}`] }],
    },
    want: /^proxies\[0\]\.userCAKeys\[0\]: is no usable/,
  },
  {
    parse: parseAgentConfig,
    value: { ...AGENT, targets: [{ host: "*", address: "10.0.0.5" }] },
    want: /^targets\[0\]\.address: needs a host without wildcards/,
  },
  {
    parse: parseAgentConfig,
    value: { ...AGENT, targets: [{ host: "a", address: "a b" }] },
    want: /^targets\[0\]\.address: must be a host name/,
  },
  {
    parse: parseAgentConfig,
    value: { ...AGENT, targets: [{ host: "a", ports: [0] }] },
    want: /^targets\[0\]\.ports\[0\]: must be a whole number/,
  },
  {
    parse: parseProxyConfig,
    value: { ...PROXY_CONFIG, publicAddresses: { ...PROXY_CONFIG.publicAddresses, web: "http://a" } },
    want: /^publicAddresses\.web: must be an https URL/,
  },
  {
    parse: parseProxyConfig,
    value: { ...PROXY_CONFIG, certificates: { defaultTtlSeconds: 2, maxTtlSeconds: 1 } },
    want: /^certificates\.defaultTtlSeconds: must not be above/,
  },
  {
    parse: parseProxyConfig,
    value: { ...PROXY_CONFIG, revocation: { maxStalenessSeconds: 60, onStale: "Never" } },
    want: /^revocation\.onStale: must be one of/,
  },
  {
    parse: parseProxyConfig,
    value: { ...PROXY_CONFIG, authentication: { ...PROXY_CONFIG.authentication, totpIssuer: "a:b" } },
    want: /^authentication\.totpIssuer/,
  },
  ...[
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0/8",
    "::/129",
    "fe80::%1/64",
    "10.0.0.0/08",
    "any/0",
  ].map((range) => ({
    parse: parseProxyConfig,
    value: { ...PROXY_CONFIG, proxyProtocolRanges: [range] },
    want: /^proxyProtocolRanges\[0\]: must be a network/,
  })),
  { parse: parseAgentReport, value: { ...REPORT, time: "yesterday" }, want: /^time: must be a time/ },
  {
    parse: parseAgentReport,
    value: { ...REPORT, proxies: [{ name: "a", replicas: [] }] },
    want: /^proxies\[0\]\.trustedHostCAFingerprints: is missing/,
  },
];
for (const { parse, value, want } of WRONG) {
  test(`${parse.name} names the field: ${want.source}`, () => {
    assert.throws(() => parse(value), { code: "CONFIG_INVALID", message: want });
  });
}

test("parseProxyConfig believes nobody's header when an older operator says nothing about it", () => {
  const older: Partial<ProxyConfig> = { ...PROXY_CONFIG };
  delete (older as { proxyProtocolRanges?: unknown }).proxyProtocolRanges;
  assert.deepEqual(parseProxyConfig(older).proxyProtocolRanges, []);
});

test("auditLine marks the line and keeps the event's fields", () => {
  const [event] = AUDIT_EVENTS;
  assert.deepEqual(auditLine({ event, outcome: "denied", reason: "no-grant" }), {
    audit: true,
    event,
    outcome: "denied",
    reason: "no-grant",
  });
});
