/**
 * The proxy put together: three ports over one access store, one session registry and one
 * tunnel registry. Everything from outside the process is handed in, so that a test can run it whole.
 */
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger, Metrics, Timer } from "@teleport-access/daemon";
import { publicKeyOf } from "@teleport-access/sshcert";
import type { KubeClient } from "@teleport-access/kube";
import type { RekeyPolicy, SshServer } from "@teleport-access/ssh";
import { createAccessStore } from "./acl/store.ts";
import type { FilledAccessStore } from "./acl/store.ts";
import { startAccessWatches } from "./acl/watch.ts";
import { createAudit } from "./audit.ts";
import type { Audit } from "./audit.ts";
import { createUserCa } from "./ca/user-ca.ts";
import type { Environment } from "./config.ts";
import { createIntroductions } from "./introductions.ts";
import type { Introduce } from "./introductions.ts";
import { createProxyMetrics } from "./metrics.ts";
import type { ProxyMetrics } from "./metrics.ts";
import type { MountedKeys } from "./mounted-keys.ts";
import { recordEnd } from "./sessions/record.ts";
import { createSessionRegistry } from "./sessions/registry.ts";
import type { JudgeCause, SessionRegistry } from "./sessions/registry.ts";
import type { CodeDeps } from "./signin/code-check.ts";
import { createCredentialStore } from "./signin/credentials.ts";
import { createAddressBudget } from "./signin/lockout.ts";
import { loginSessionSealKey } from "./signin/login-session-seal.ts";
import { deriveKey } from "./signin/session-key.ts";
import { createUserServer } from "./ssh/server.ts";
import { createTunnelRegistry } from "./tunnel/registry.ts";
import type { TunnelRegistry } from "./tunnel/registry.ts";
import { watchReplicas } from "./tunnel/replicas.ts";
import type { ReplicaWatch } from "./tunnel/replicas.ts";
import { createTunnelServer } from "./tunnel/server.ts";
import { createTunnelStatusWriter } from "./tunnel/status.ts";
import type { TunnelStatusWriter } from "./tunnel/status.ts";
import type { WebDeps } from "./web/deps.ts";
import type { WebServer } from "./web/server.ts";

/** What a proxy is made of. */
export interface ProxyDeps {
  readonly environment: Environment;
  readonly keys: MountedKeys;
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** When connections change their keys, on every hop. @default packages/ssh's own policy */
  readonly rekey?: RekeyPolicy;
  /** Makes the web port; tests of the SSH half bring one of their own. */
  createWeb(deps: WebDeps): Promise<WebServer>;
}

/** A running proxy. */
export interface Proxy {
  /** Opens the three ports; rejects with the error of the first that cannot be opened. */
  listen(ports: ProxyPorts): Promise<ProxyPorts>;
  /** Why it should get no new connections now; empty when it should. */
  notReady(): readonly string[];
  /** Tells agents to go elsewhere, waits for what people have open as long as `graceMs` allows, then closes. */
  shutDown(graceMs: number): Promise<void>;
}

/** Numbers of the three public ports; 0 picks one. */
export interface ProxyPorts {
  readonly web: number;
  readonly ssh: number;
  readonly tunnel: number;
}

/** How often the age of the access list is looked at. */
const TICK_MS = 1000;
/** How often a shutdown looks whether everybody has left. */
const DRAIN_TICK_MS = 200;

/** Puts it together and starts the watches; no port is open yet. */
export async function createProxy(deps: ProxyDeps): Promise<Proxy> {
  const parts = createParts(deps);
  const { store, sessions, tunnels, audit } = parts;
  const { environment, keys, kube, clock, log } = deps;
  const { config, namespace, pod } = environment;
  const replicas = watchReplicas({
    kube,
    namespace,
    service: config.name,
    pod,
    clock,
    log,
    onChange: (names) => {
      tunnels.broadcast({ type: "replicas", replicas: names });
    },
  });
  const shared = {
    ...{ store, sessions, tunnels, audit, clock, log },
    metrics: parts.metrics,
    hostKeys: () => keys.hostKeys.current(),
    rekey: deps.rekey,
  };
  const { maxConnections, maxSessionsPerUser, handshakesPerSecond } = config.limits;
  const limits = { connections: maxConnections, handshakesPerSecond };
  const codes = { ...parts.codes, log };
  function introductions(): Introduce | undefined {
    return createIntroductions(config.proxyProtocolRanges, clock);
  }
  const ssh = createUserServer({ ...shared, codes, limits, introduce: introductions(), maxSessionsPerUser });
  const tunnel = createTunnelServer({
    ...shared,
    limits,
    introduce: introductions(),
    proxy: config.name,
    replica: pod,
    replicas: () => replicas.current(),
    fingerprints: (cluster) => store.cluster(cluster)?.fingerprints ?? [],
  });
  const web = await createWeb(deps, parts, { tunnel, introduce: introductions() });
  const stopWatches = startAccessWatches({
    kube,
    namespace,
    maxStalenessSeconds: config.revocation.maxStalenessSeconds,
    store,
    clock,
    log,
  });
  return new RunningProxy(deps, { ...parts, ssh, tunnel, web, replicas, stopWatches });
}

interface Parts {
  readonly codes: CodeDeps;
  readonly metrics: ProxyMetrics;
  readonly audit: Audit;
  readonly store: FilledAccessStore;
  readonly sessions: SessionRegistry;
  readonly tunnels: TunnelRegistry;
  readonly status: TunnelStatusWriter;
}

interface Running extends Parts {
  readonly ssh: SshServer;
  readonly tunnel: SshServer;
  readonly web: WebServer;
  readonly replicas: ReplicaWatch;
  readonly stopWatches: () => void;
}

function createParts({ environment, keys, kube, clock, log, metrics: registry }: ProxyDeps): Parts {
  const { config, namespace, pod } = environment;
  const metrics = createProxyMetrics(registry);
  const audit = createAudit({ log, clock, metrics });
  const store = createAccessStore({
    namespace,
    sealKey: loginSessionSealKey(keys.sessionKey),
    userAuthorities: () => keys.userCa.current().publicKeys,
    maxCertificateTtlSeconds: config.certificates.maxTtlSeconds,
    ...config.revocation,
    clock,
    log,
  });
  const sessions = createSessionRegistry({
    world: (now) => store.world(now),
    clock,
    log,
    ended: (end) => {
      recordEnd(end, { audit, clock, metrics });
    },
  });
  const tunnels = createTunnelRegistry(store, clock);
  const status = createTunnelStatusWriter({
    ...{ kube, namespace, pod, clock, log },
    count: (cluster) => tunnels.count(cluster),
  });
  tunnels.onChange((cluster) => {
    status.changed(cluster);
  });
  function judge(cause: JudgeCause): void {
    // People first: what they have open must not wait for the agents' goodbyes.
    const cut = sessions.judge(cause);
    tunnels.judge(cause.clusters ?? []);
    if (cut > 0) audit.record({ event: "access.revoked", outcome: "info", detail: { sessions: cut } });
  }
  store.onChange(judge);
  // A CA key that was rotated out takes its certificates with it.
  keys.userCa.onChange(() => {
    judge({ at: clock.monotonic() });
  });
  const codes = createCodes({ environment, keys, kube, clock });
  return { codes, metrics, audit, store, sessions, tunnels, status };
}

/** One set of counters for both doors: a code that was typed at one is spent at the other. */
function createCodes({
  environment,
  keys,
  kube,
  clock,
}: Pick<ProxyDeps, "environment" | "keys" | "kube" | "clock">): CodeDeps {
  const { config, namespace } = environment;
  return {
    credentials: createCredentialStore(kube, namespace),
    budget: createAddressBudget(),
    clock,
    totpKey: deriveKey(keys.sessionKey, "totp"),
    lockout: () => config.authentication.lockout,
  };
}

function createWeb(
  deps: ProxyDeps,
  { codes, store, tunnels, audit }: Parts,
  { tunnel, introduce }: { readonly tunnel: SshServer; readonly introduce: Introduce | undefined },
): Promise<WebServer> {
  const { environment, keys, kube, clock, log, metrics } = deps;
  const { config, namespace } = environment;
  const announcedTargets = tunnels.announcedTargets.bind(tunnels);
  const ca = createUserCa({
    keys: () => keys.userCa.current(),
    world: (now) => store.world(now),
    announcedTargets,
    ...config.certificates,
  });
  return deps.createWeb({
    config: () => config,
    namespace,
    store,
    ca,
    kube,
    codes,
    sessionKey: keys.sessionKey,
    tls: () => keys.tls.current(),
    onTlsChange: (listener) => keys.tls.onChange(listener),
    hostKeys: () => keys.hostKeys.current().map((key) => publicKeyOf(key.privateKey)),
    announcedTargets,
    introduce,
    serveTunnel: (stream, address) => {
      tunnel.inject(stream, address);
    },
    clock,
    log,
    audit,
    metrics,
  });
}

class RunningProxy implements Proxy {
  readonly #deps: ProxyDeps;
  readonly #running: Running;
  #ending = false;
  #tick: Timer;

  constructor(deps: ProxyDeps, running: Running) {
    this.#deps = deps;
    this.#running = running;
    this.#tick = this.#schedule();
  }

  async listen(ports: ProxyPorts): Promise<ProxyPorts> {
    const { web, ssh, tunnel } = this.#running;
    const host = this.#deps.environment.listenHost;
    return {
      web: await web.listen(ports.web, host),
      ssh: await ssh.listen(ports.ssh, host),
      tunnel: await tunnel.listen(ports.tunnel, host),
    };
  }

  notReady(): readonly string[] {
    const { store } = this.#running;
    if (this.#ending) return ["shutting down"];
    if (!store.synced) return ["the access list is not loaded yet"];
    return store.stale(this.#deps.clock.now()) ? ["the access list is stale"] : [];
  }

  async shutDown(graceMs: number): Promise<void> {
    const { clock, log, keys } = this.#deps;
    const { sessions, tunnels, status, ssh, tunnel, web, replicas, stopWatches } = this.#running;
    this.#ending = true;
    const deadline = clock.monotonic() + graceMs;
    log.info("shutting down", { sessions: sessions.size, tunnels: tunnels.size });
    // Nobody new, while those who are here finish; agents make new tunnels elsewhere first.
    ssh.stopListening();
    tunnel.stopListening();
    tunnels.broadcast({ type: "drain" });
    while (sessions.size > 0 && clock.monotonic() < deadline) await this.#pause(DRAIN_TICK_MS);
    this.#tick.cancel();
    const closing = await Promise.allSettled([web.close(), ssh.close(), tunnel.close(), status.close()]);
    for (const result of closing) {
      if (result.status === "rejected") log.warn("not closed in order", errorFields(result.reason));
    }
    replicas.close();
    stopWatches();
    sessions.close();
    keys.close();
  }

  #schedule(): Timer {
    return this.#deps.clock.setTimer(TICK_MS, () => {
      this.#look();
      this.#tick = this.#schedule();
    });
  }

  #look(): void {
    const { store, sessions, tunnels, metrics } = this.#running;
    const now = this.#deps.clock.now();
    store.checkFreshness();
    sessions.catchUp();
    tunnels.catchUp();
    metrics.sessions.set(sessions.size);
    metrics.tunnels.set(tunnels.size);
    metrics.accessListAge.set(store.synced ? (now - store.lastProof()) / 1000 : now / 1000);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#deps.clock.setTimer(ms, resolve);
    });
  }
}
