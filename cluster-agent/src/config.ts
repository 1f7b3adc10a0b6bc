/**
 * Where the agent finds what it needs: environment variables and the files behind
 * them. What it should do is in the configuration (configuration.ts).
 */
import { join } from "node:path";

import { ConfigError } from "@teleport-access/daemon";

export interface Environment {
  readonly podName: string;
  readonly namespace: string;
  /** The mounted copy of the configuration. */
  readonly configFile: string;
  /** The mounted Secret with the host key and its certificate. */
  readonly hostFolder: string;
  /** Where `live` and `ready` are written for the probes. */
  readonly runFolder: string;
  /** The ConfigMap to watch; without it only the file counts. */
  readonly configMap: string | undefined;
  /** The ConfigMap to report to; without it nothing is reported. */
  readonly reportConfigMap: string | undefined;
  /** A glob never matches this: the API server as pods see it. */
  readonly apiServerHost: string | undefined;
}

const DEFAULT_CONFIG_DIR = "/etc/teleport-access";
export const DEFAULT_RUN_DIR = "/run/teleport-access";

/** @throws ConfigError naming the variable */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const configDir = env["CONFIG_DIR"] ?? DEFAULT_CONFIG_DIR;
  return {
    podName: required(env, "POD_NAME"),
    namespace: required(env, "POD_NAMESPACE"),
    configFile: join(configDir, "config", "config.json"),
    hostFolder: join(configDir, "host"),
    runFolder: env["RUN_DIR"] ?? DEFAULT_RUN_DIR,
    configMap: present(env["AGENT_CONFIG_MAP"]),
    reportConfigMap: present(env["AGENT_REPORT_CONFIG_MAP"]),
    apiServerHost: present(env["KUBERNETES_SERVICE_HOST"]),
  };
}

function present(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = present(env[name]);
  if (value === undefined) throw new ConfigError("CONFIG_MISSING", `environment variable ${name} is not set`);
  return value;
}
