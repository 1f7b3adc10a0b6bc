/**
 * Our product as pods run it: the bundles of proxy and agent, with the images'
 * flags, a service account, mounted keys and configuration, against an API server
 * in memory. Certificates, access decision, post-quantum key exchange, metrics and
 * audit are all on.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatCertificateLine, formatOpenSshPrivateKey } from "@teleport-access/sshcert";
import { until } from "@teleport-access/testkit";
import type { ProxyConfig } from "@teleport-access/wire";
import { PORTS } from "../../proxy/src/config.ts";
import { bundle, bundlePath, ROOT } from "../../hack/bundle.ts";
import type { CpuGroup } from "../measure/cpu.ts";
import { agentIdentity, CLUSTER, estateObjects, NAMESPACE, publicLine, writeBelow } from "./estate.ts";
import type { Estate, Identity } from "./estate.ts";
import { startProcess } from "./processes.ts";
import type { BenchProcess } from "./processes.ts";
import { FOLDER } from "./sandbox.ts";

/** As in hack/image-spec.ts. */
const NODE_FLAGS = ["--external-memory-accounted-in-global-limit"];
/** Where the kubelet mounts it; the sandbox's /run is its own. */
const SERVICE_ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount";

export const SSH_PORT: number = PORTS.ssh;
export const TUNNEL_PORT: number = PORTS.tunnel;
export const WEB_PORT: number = PORTS.web;
export const HEALTH_PORT: number = PORTS.health;

export interface ProductOptions {
  readonly estate: Estate;
  readonly groups: { readonly proxy: CpuGroup; readonly agent: CpuGroup; readonly rest: CpuGroup };
  /** Where sshd listens. */
  readonly targetPort: number;
  /** More clusters whose agents may come. */
  readonly clusters?: readonly string[];
  /** The proxy's limits. @default so high that nothing is refused, as the peer's MaxStartups is */
  readonly limits?: ProxyConfig["limits"];
  /** The proxy's tunnel port as the agent sees it. @default the proxy's own */
  readonly tunnelPort?: number;
}

export interface Product {
  readonly proxy: BenchProcess;
  readonly agent: BenchProcess;
  /** Resolves when the agent has a tunnel. */
  whenReady(): Promise<void>;
  /** Starts the proxy again, after it was killed. */
  restartProxy(): BenchProcess;
  stop(): Promise<void>;
}

/** Bundles both programs, outside of every timing. */
export async function buildProduct(): Promise<void> {
  await Promise.all([bundle("proxy"), bundle("cluster-agent")]);
}

/** Starts it all; resolves when the agent has a tunnel. */
export async function startProduct(options: ProductOptions): Promise<Product> {
  const { estate, groups, clusters = [] } = options;
  writeProxyFiles(estate, options.limits ?? NO_LIMITS);
  const agentFile = writeAgentFiles(options);
  const objects = [
    ...estateObjects(estate, clusters),
    configMap("prod-agent-config", { "config.json": agentFile }),
    configMap("prod-agent-report", {}),
  ];
  const api = await startApiServer(estate, objects, groups.rest);
  const env = {
    NODE_ENV: "production",
    POD_NAMESPACE: NAMESPACE,
    POD_IP: "127.0.0.1",
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(api.port),
  };
  function startProxy(): BenchProcess {
    return startNode("proxy", groups.proxy, {
      ...env,
      POD_NAME: "acme-proxy-0",
      CONFIG_DIR: `${FOLDER}/proxy`,
    });
  }
  const running = { proxy: startProxy() };
  const agent = startNode("cluster-agent", groups.agent, {
    ...env,
    POD_NAME: "prod-agent-0",
    CONFIG_DIR: `${FOLDER}/agent`,
    RUN_DIR: `${FOLDER}/agent/run`,
    AGENT_CONFIG_MAP: "prod-agent-config",
    AGENT_REPORT_CONFIG_MAP: "prod-agent-report",
  });
  const product: Product = {
    get proxy() {
      return running.proxy;
    },
    agent,
    whenReady: () => whenReady(running.proxy, agent),
    restartProxy() {
      running.proxy = startProxy();
      return running.proxy;
    },
    async stop() {
      // Nobody is left to drain for; but a profile is written at a proper end only.
      await Promise.all([
        agent.stop(extraFlags("cluster-agent").length > 0 ? "SIGTERM" : "SIGKILL"),
        running.proxy.stop(extraFlags("proxy").length > 0 ? "SIGTERM" : "SIGKILL"),
        api.process.stop("SIGKILL"),
      ]);
    },
  };
  await product.whenReady();
  return product;
}

/** For profiling: PROXY_FLAGS=--cpu-prof, AGENT_FLAGS=... */
function extraFlags(program: "proxy" | "cluster-agent"): readonly string[] {
  const flags = process.env[program === "proxy" ? "PROXY_FLAGS" : "AGENT_FLAGS"] ?? "";
  return flags.split(" ").filter((flag) => flag !== "");
}

function startNode(
  program: "proxy" | "cluster-agent",
  group: CpuGroup,
  env: Readonly<Record<string, string>>,
): BenchProcess {
  return startProcess({
    name: program,
    command: process.execPath,
    args: [...NODE_FLAGS, ...extraFlags(program), join(bundlePath(program), "main.js")],
    env,
    group,
  });
}

async function startApiServer(
  estate: Estate,
  objects: readonly object[],
  group: CpuGroup,
): Promise<{ readonly process: BenchProcess; readonly port: number }> {
  const file = writeBelow(
    "api-server.json",
    JSON.stringify({
      tls: { key: estate.tls.key, cert: estate.tls.cert },
      token: estate.apiToken,
      objects,
    }),
  );
  const process_ = startProcess({
    name: `api-server-${performance.now().toFixed(0)}`,
    command: process.execPath,
    args: ["--conditions=source", join(ROOT, "bench/lab/api-server.ts"), file],
    group,
  });
  const port = await until(
    "the API server",
    () => {
      if (process_.child.exitCode !== null) throw new Error(process_.log());
      return /listening (\d+)/.exec(process_.log())?.[1];
    },
    { deadlineMs: 15_000, everyMs: 20 },
  );
  mkdirSync(SERVICE_ACCOUNT, { recursive: true });
  writeFileSync(`${SERVICE_ACCOUNT}/token`, estate.apiToken);
  writeFileSync(`${SERVICE_ACCOUNT}/ca.crt`, estate.tls.authority);
  writeFileSync(`${SERVICE_ACCOUNT}/namespace`, NAMESPACE);
  return { process: process_, port: Number(port) };
}

function configMap(name: string, data: object): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: NAMESPACE }, data };
}

/** The benchmarks measure what a login costs, not where it is refused. */
const NO_LIMITS = { maxConnections: 20_000, maxSessionsPerUser: 10_000, handshakesPerSecond: 5000 };

function writeProxyFiles(estate: Estate, limits: ProxyConfig["limits"]): void {
  const config = {
    name: "acme",
    publicAddresses: {
      web: "https://127.0.0.1:8443",
      ssh: `127.0.0.1:${SSH_PORT}`,
      tunnel: `127.0.0.1:${TUNNEL_PORT}`,
    },
    certificates: { defaultTtlSeconds: 28_800, maxTtlSeconds: 86_400 },
    web: { sessionTtlSeconds: 3600, idleTimeoutSeconds: 1200, terminal: true },
    authentication: { lockout: { maxAttempts: 5, windowSeconds: 900 }, totpIssuer: "acme" },
    revocation: { maxStalenessSeconds: 60, onStale: "DenyNew" },
    limits,
  };
  writeBelow("proxy/config/config.json", JSON.stringify(config));
  writeBelow("proxy/user-ca/ca.key", formatOpenSshPrivateKey(estate.userCa, "bench"));
  writeBelow("proxy/user-ca/ca.pub", `${publicLine(estate.userCa)}\n`);
  writeBelow("proxy/ssh-host/ssh_host_ed25519_key", formatOpenSshPrivateKey(estate.proxyHost, "bench"));
  writeBelow("proxy/tls/tls.crt", estate.tls.cert);
  writeBelow("proxy/tls/tls.key", estate.tls.key);
  writeBelow("proxy/session/session.key", estate.sessionKey.toString("base64url"));
}

/** The configuration of the agent of cluster prod, or of another with the same target. */
export function agentConfig(
  estate: Estate,
  cluster: string,
  ports: { target: number; tunnel: number },
): object {
  return {
    cluster,
    proxies: [
      {
        name: "acme",
        address: `127.0.0.1:${ports.tunnel}`,
        hostKeys: [publicLine(estate.proxyHost)],
        userCAKeys: [publicLine(estate.userCa)],
        suspend: false,
      },
    ],
    targets: [{ host: "web-1", ports: [22], address: `127.0.0.1:${ports.target}` }],
  };
}

/** Returns the configuration, which the API server has too. */
function writeAgentFiles({ estate, targetPort, tunnelPort = TUNNEL_PORT }: ProductOptions): string {
  const config = JSON.stringify(agentConfig(estate, CLUSTER, { target: targetPort, tunnel: tunnelPort }));
  writeBelow("agent/config/config.json", config);
  const identity: Identity = agentIdentity(estate, CLUSTER);
  writeBelow("agent/host/ssh_host_ed25519_key", formatOpenSshPrivateKey(identity.privateKey, "bench"));
  writeBelow(
    "agent/host/ssh_host_ed25519_key-cert.pub",
    `${formatCertificateLine(identity.certificate, "bench")}\n`,
  );
  // A killed agent's readiness must not pass for this one's.
  rmSync(`${FOLDER}/agent/run`, { recursive: true, force: true });
  mkdirSync(`${FOLDER}/agent/run`);
  return config;
}

async function whenReady(proxy: BenchProcess, agent: BenchProcess): Promise<void> {
  await until(
    "a tunnel",
    () => {
      for (const process_ of [proxy, agent]) {
        if (process_.child.exitCode !== null) throw new Error(`it ended: ${process_.log().slice(-2000)}`);
      }
      return existsSync(`${FOLDER}/agent/run/ready`);
    },
    { deadlineMs: 20_000, everyMs: 50 },
  );
}
