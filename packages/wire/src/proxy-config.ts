/**
 * The proxy's configuration: key `config.json` of ConfigMap `<proxy>-config`,
 * written by the operator from a TeleportProxy, its defaults filled in.
 */
import { isIP } from "node:net";

import {
  boolean,
  ConfigError,
  fields,
  integer,
  list,
  oneOf,
  optional,
  string,
} from "@teleport-access/daemon";

import { addressText } from "./agent-config.ts";
import { MAX_NAME_LENGTH, MAX_PROXY_PROTOCOL_RANGES } from "./limits.ts";
import { OBJECT_NAME } from "./names.ts";

/** What happens when a proxy has not heard from the API server for `maxStalenessSeconds`. */
export type OnStale = "DenyNew" | "TerminateAll" | "Allow";

export interface ProxyConfig {
  readonly name: string;
  readonly publicAddresses: {
    /** The origin of the web pages, e.g. `https://access.example.org`, without a slash at its end. */
    readonly web: string;
    /** `host:port` */
    readonly ssh: string;
    /** `host:port` */
    readonly tunnel: string;
  };
  readonly certificates: { readonly defaultTtlSeconds: number; readonly maxTtlSeconds: number };
  readonly web: {
    readonly sessionTtlSeconds: number;
    readonly idleTimeoutSeconds: number;
    readonly terminal: boolean;
  };
  readonly authentication: {
    readonly lockout: { readonly maxAttempts: number; readonly windowSeconds: number };
    /** What an authenticator app shows beside the code. */
    readonly totpIssuer: string;
  };
  readonly revocation: { readonly maxStalenessSeconds: number; readonly onStale: OnStale };
  readonly limits: {
    readonly maxConnections: number;
    readonly maxSessionsPerUser: number;
    readonly handshakesPerSecond: number;
  };
  /** Networks of load balancers whose PROXY protocol header is required and believed, on all three ports. */
  readonly proxyProtocolRanges: readonly string[];
}

const ON_STALE: readonly OnStale[] = ["DenyNew", "TerminateAll", "Allow"];
const ORIGIN = /^https:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?$/;
const YEAR_SECONDS = 366 * 24 * 3600;

/** @throws ConfigError naming the field */
export function parseProxyConfig(value: unknown): ProxyConfig {
  const config = fields(value, "configuration");
  return {
    name: string(config["name"], "name", {
      max: MAX_NAME_LENGTH,
      pattern: OBJECT_NAME,
      description: "the name of an object",
    }),
    publicAddresses: parseAddresses(config["publicAddresses"], "publicAddresses"),
    certificates: parseCertificates(config["certificates"], "certificates"),
    web: parseWeb(config["web"], "web"),
    authentication: parseAuthentication(config["authentication"], "authentication"),
    revocation: parseRevocation(config["revocation"], "revocation"),
    limits: parseLimits(config["limits"], "limits"),
    proxyProtocolRanges: optional(config["proxyProtocolRanges"], "proxyProtocolRanges", parseRanges) ?? [],
  };
}

function parseRanges(value: unknown, field: string): readonly string[] {
  return list(value, field, parseRange, { max: MAX_PROXY_PROTOCOL_RANGES });
}

/** One network in CIDR notation. A slip must not widen whom we believe: nothing is guessed. */
function parseRange(value: unknown, field: string): string {
  const text = string(value, field, { max: 43 });
  const [, address = "", digits = ""] = /^([0-9A-Fa-f:.]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (Number(digits) <= bits) return text;
  throw new ConfigError(
    "CONFIG_INVALID",
    `${field}: must be a network such as 10.0.0.0/8, not ${JSON.stringify(text)}`,
  );
}

function seconds(value: unknown, field: string): number {
  return integer(value, field, { min: 1, max: YEAR_SECONDS });
}

function parseAddresses(value: unknown, field: string): ProxyConfig["publicAddresses"] {
  const addresses = fields(value, field);
  return {
    web: string(addresses["web"], `${field}.web`, {
      max: 300,
      pattern: ORIGIN,
      description: "an https URL without a path",
    }),
    ssh: addressText(addresses["ssh"], `${field}.ssh`),
    tunnel: addressText(addresses["tunnel"], `${field}.tunnel`),
  };
}

function parseCertificates(value: unknown, field: string): ProxyConfig["certificates"] {
  const certificates = fields(value, field);
  const defaultTtlSeconds = seconds(certificates["defaultTtlSeconds"], `${field}.defaultTtlSeconds`);
  const maxTtlSeconds = seconds(certificates["maxTtlSeconds"], `${field}.maxTtlSeconds`);
  if (defaultTtlSeconds > maxTtlSeconds) {
    throw new ConfigError("CONFIG_INVALID", `${field}.defaultTtlSeconds: must not be above maxTtlSeconds`);
  }
  return { defaultTtlSeconds, maxTtlSeconds };
}

function parseWeb(value: unknown, field: string): ProxyConfig["web"] {
  const web = fields(value, field);
  return {
    sessionTtlSeconds: seconds(web["sessionTtlSeconds"], `${field}.sessionTtlSeconds`),
    idleTimeoutSeconds: seconds(web["idleTimeoutSeconds"], `${field}.idleTimeoutSeconds`),
    terminal: boolean(web["terminal"], `${field}.terminal`),
  };
}

function parseAuthentication(value: unknown, field: string): ProxyConfig["authentication"] {
  const authentication = fields(value, field);
  const lockout = fields(authentication["lockout"], `${field}.lockout`);
  return {
    lockout: {
      maxAttempts: integer(lockout["maxAttempts"], `${field}.lockout.maxAttempts`, { min: 1, max: 100 }),
      windowSeconds: seconds(lockout["windowSeconds"], `${field}.lockout.windowSeconds`),
    },
    totpIssuer: string(authentication["totpIssuer"], `${field}.totpIssuer`, {
      max: 64,
      // A colon separates issuer and account in an otpauth URL.
      pattern: /^[^:\p{Cc}]+$/u,
      description: "a text without colons and control characters",
    }),
  };
}

function parseRevocation(value: unknown, field: string): ProxyConfig["revocation"] {
  const revocation = fields(value, field);
  return {
    maxStalenessSeconds: seconds(revocation["maxStalenessSeconds"], `${field}.maxStalenessSeconds`),
    onStale: oneOf(revocation["onStale"], `${field}.onStale`, ON_STALE),
  };
}

function parseLimits(value: unknown, field: string): ProxyConfig["limits"] {
  const limits = fields(value, field);
  return {
    maxConnections: integer(limits["maxConnections"], `${field}.maxConnections`, { min: 1, max: 1_000_000 }),
    maxSessionsPerUser: integer(limits["maxSessionsPerUser"], `${field}.maxSessionsPerUser`, {
      min: 1,
      max: 100_000,
    }),
    handshakesPerSecond: integer(limits["handshakesPerSecond"], `${field}.handshakesPerSecond`, {
      min: 1,
      max: 100_000,
    }),
  };
}
