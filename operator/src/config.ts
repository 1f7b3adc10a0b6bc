/** The operator's configuration: environment variables, set by the chart. */
import type { ConnectSource } from "@teleport-access/kube";
import type { LogLevel } from "@teleport-access/daemon";
import { OperatorError } from "./errors.ts";
import type { OperandImage } from "./pod-template.ts";

export interface OperatorConfig {
  readonly podName: string;
  readonly podNamespace: string;
  readonly proxyImage: OperandImage;
  readonly agentImage: OperandImage;
  /** Empty: all namespaces. */
  readonly watchNamespaces: readonly string[];
  readonly logLevel: LogLevel;
  readonly healthPort: number;
  /** A kubeconfig for a run outside of a pod. */
  readonly connect: ConnectSource;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PULL_POLICIES = ["Always", "IfNotPresent", "Never"] as const;
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DEFAULT_HEALTH_PORT = 8081;

/** @throws OperatorError CONFIG naming the variable */
export function readConfig(env: Environment = process.env): OperatorConfig {
  const pullPolicy = oneOf(env, "IMAGE_PULL_POLICY", PULL_POLICIES, "IfNotPresent");
  const kubeconfig = env["KUBECONFIG"] ?? "";
  return {
    podName: required(env, "POD_NAME"),
    podNamespace: namespace("POD_NAMESPACE", required(env, "POD_NAMESPACE")),
    proxyImage: { image: required(env, "PROXY_IMAGE"), pullPolicy },
    agentImage: { image: required(env, "AGENT_IMAGE"), pullPolicy },
    watchNamespaces: (env["WATCH_NAMESPACES"] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => namespace("WATCH_NAMESPACES", name)),
    logLevel: oneOf(env, "LOG_LEVEL", LOG_LEVELS, "info"),
    healthPort: port(env, "HEALTH_PORT"),
    connect: kubeconfig === "" ? { kind: "in-cluster" } : { kind: "kubeconfig", path: kubeconfig },
  };
}

function required(env: Environment, name: string): string {
  const value = env[name] ?? "";
  if (value === "") throw new OperatorError("CONFIG", `${name} is not set; the chart sets it`);
  return value;
}

function oneOf<T extends string>(env: Environment, name: string, choices: readonly T[], otherwise: T): T {
  const value = env[name] ?? "";
  if (value === "") return otherwise;
  const choice = choices.find((c) => c === value);
  if (choice === undefined)
    throw new OperatorError("CONFIG", `${name} must be one of ${choices.join(", ")}, not "${value}"`);
  return choice;
}

function namespace(variable: string, name: string): string {
  if (!NAMESPACE.test(name))
    throw new OperatorError("CONFIG", `${variable}: "${name}" is not the name of a namespace`);
  return name;
}

function port(env: Environment, name: string): number {
  const value = env[name] ?? "";
  if (value === "") return DEFAULT_HEALTH_PORT;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new OperatorError("CONFIG", `${name} must be a port, not "${value}"`);
  }
  return number;
}
