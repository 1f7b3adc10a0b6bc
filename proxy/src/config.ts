/**
 * Where the proxy is and what is mounted into it: the only reader of the environment. What is in
 * config.json: packages/wire.
 */
import { join } from "node:path";
import { ConfigError, readConfigFile } from "@teleport-access/daemon";
import { parseProxyConfig } from "@teleport-access/wire";
import type { ProxyConfig } from "@teleport-access/wire";
import { ProxyError } from "./errors.ts";

/** The container's ports; the Service maps the public ones onto them. */
export const PORTS = { web: 8443, ssh: 3023, tunnel: 3024, health: 8081 } as const;

/** Kept below the pod's terminationGracePeriodSeconds (30), so that the end is ours and not the kubelet's. */
export const SHUTDOWN_GRACE_MS = 25_000;

/** What the operator sets on the container. */
export interface Environment {
  readonly pod: string;
  readonly namespace: string;
  /** The address to listen on, of the pod's own family. */
  readonly listenHost: string;
  readonly directories: Readonly<Record<"userCa" | "sshHost" | "tls" | "session", string>>;
  readonly config: ProxyConfig;
}

/** Reads it. Throws ProxyError or ConfigError with one sentence that names the variable or field. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const root = env["CONFIG_DIR"] ?? "/etc/teleport-access";
  return {
    pod: required(env, "POD_NAME"),
    namespace: required(env, "POD_NAMESPACE"),
    listenHost: (env["POD_IP"] ?? "").includes(":") ? "::" : "0.0.0.0",
    directories: {
      userCa: join(root, "user-ca"),
      sshHost: join(root, "ssh-host"),
      tls: join(root, "tls"),
      session: join(root, "session"),
    },
    config: readConfigFile(join(root, "config", "config.json"), parseProxyConfig),
  };
}

/** The session key's 32 bytes, from its base64url text. */
export function parseSessionKey(text: string): Buffer {
  const key = Buffer.from(text.trim(), "base64url");
  if (key.length !== 32) throw new ConfigError("CONFIG_INVALID", "session.key: is not 32 bytes in base64url");
  return key;
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value !== undefined && value !== "") return value;
  throw new ProxyError(
    "ENVIRONMENT_INCOMPLETE",
    `${name}: is not set; the operator sets it on the container`,
  );
}
