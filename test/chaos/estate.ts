/**
 * An estate of real processes: two proxies, two agents, a target, stock ssh; between them relays that fail on
 * command, and an API server in this process that tells the proxies who they are.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { loginSessionSealKey, sealLoginSession } from "@teleport-access/proxy";
import {
  formatCertificateLine,
  formatOpenSshPrivateKey,
  formatPkcs8,
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import {
  createTestFolder,
  FakeApiServer,
  loginName,
  runCommand,
  startRelay,
  until,
  writeIdentity,
} from "@teleport-access/testkit";
import type { Relay, Sshd } from "@teleport-access/testkit";

import { PROXY_CONFIG } from "../interop/proxy-config.ts";
import { localOpenSsh } from "../interop/proxy-world.ts";
import { startTargetSshd } from "../interop/target-sshd.ts";
import { WEB_TLS } from "../interop/web-port.ts";
import { Program, signalTree } from "./program.ts";
import type { Held } from "./program.ts";
import { Transfer } from "./sessions.ts";

const ROOT = join(import.meta.dirname, "../..");
const NAMESPACE = "acme";
const API_VERSION = "teleport-access.io/v1alpha1";
const HOUR = 3_600_000;
const PODS = ["acme-0", "acme-1"] as const;
const AGENTS = ["agent-0", "agent-1"] as const;

export type PodName = (typeof PODS)[number];
export type AgentName = (typeof AGENTS)[number];

interface ProxyPorts {
  readonly ssh: number;
  readonly tunnel: number;
  readonly web: number;
  readonly health: number;
}

/** No fault ends these: they live through everything. */
const SURVIVORS: readonly string[] = ["acme-0", "agent-0"];

/** Tunnels of one proxy when everything is up: two from each agent. */
export const TUNNELS = 2 * AGENTS.length;

export class Estate {
  readonly api = new FakeApiServer();
  readonly folder = createTestFolder();
  readonly openSsh = localOpenSsh();
  readonly target = `${loginName()}@web-1.prod`;
  readonly #keys = {
    userCa: generatePrivateKey("Ed25519"),
    hostCa: generatePrivateKey("Ed25519"),
    proxyHost: generatePrivateKey("Ed25519"),
    agentHost: generatePrivateKey("Ed25519"),
    user: generatePrivateKey("Ed25519"),
  };
  readonly #sessionKey = randomBytes(32);
  readonly proxies = new Map<PodName, { readonly program: Program; readonly ports: ProxyPorts }>();
  readonly agents = new Map<AgentName, Program>();
  readonly #relays = new Map<string, Relay>();
  #sshd: Sshd | undefined;
  #config = "";

  /** The network between people and proxies, agents and proxies, agents and targets. */
  relay(name: "people" | "tunnels" | "targets"): Relay {
    const relay = this.#relays.get(name);
    if (relay === undefined) throw new Error("not started");
    return relay;
  }

  get sshd(): Sshd {
    if (this.#sshd === undefined) throw new Error("not started");
    return this.#sshd;
  }

  async start(): Promise<void> {
    await this.api.listen(0);
    for (const name of ["people", "tunnels", "targets"]) this.#relays.set(name, await startRelay([]));
    this.#makeObjects();
    this.#mountProxy();
    this.#config = this.#writeClient();
    await this.startTarget();
    await Promise.all(PODS.map((pod) => this.startProxy(pod)));
    for (const agent of AGENTS) this.startAgent(agent);
    await this.settled(30_000);
  }

  async startTarget(): Promise<void> {
    this.#sshd = await startTargetSshd(this.openSsh, this.folder, {
      keys: this.#keys,
      names: ["web-1.prod"],
    });
    this.relay("targets").setBackends([this.#sshd.port]);
  }

  async startProxy(pod: PodName): Promise<void> {
    const program = new Program(pod, join(import.meta.dirname, "proxy-program.ts"), {
      POD_NAME: pod,
      POD_NAMESPACE: NAMESPACE,
      CONFIG_DIR: this.folder.file("proxy"),
      CHAOS_API: this.api.url,
      CHAOS_UI: this.folder.file("ui"),
    });
    const { ports } = await program.message<{ readonly ports: ProxyPorts }>();
    this.proxies.set(pod, { program, ports });
    await until(`${pod} ready`, async () => (await fetch(`http://127.0.0.1:${ports.health}/readyz`)).ok, {
      deadlineMs: 10_000,
      everyMs: 20,
    });
    this.route(PODS);
  }

  startAgent(name: AgentName): void {
    const folder = this.#mountAgent(name);
    this.agents.set(
      name,
      new Program(name, join(ROOT, "cluster-agent/src/main.ts"), {
        POD_NAME: name,
        POD_NAMESPACE: "prod",
        CONFIG_DIR: folder,
        RUN_DIR: join(folder, "run"),
      }),
    );
  }

  /** As readiness does: the pods that get new connections, and that agents are told of. */
  route(pods: readonly PodName[]): void {
    const ready = pods.flatMap((pod) => {
      const proxy = this.proxies.get(pod);
      return proxy?.program.running === true ? [{ pod, ports: proxy.ports }] : [];
    });
    this.relay("people").setBackends(ready.map(({ ports }) => ports.ssh));
    this.relay("tunnels").setBackends(ready.map(({ ports }) => ports.tunnel));
    this.api.set({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "acme-1",
        namespace: NAMESPACE,
        labels: { "kubernetes.io/service-name": "acme" },
      },
      endpoints: ready.map(({ pod }) => ({
        addresses: ["127.0.0.1"],
        conditions: { ready: true },
        targetRef: { kind: "Pod", name: pod },
      })),
    } as Parameters<FakeApiServer["set"]>[0]);
  }

  /** A metric of one proxy, without its prefix. */
  async metric(pod: PodName, name: string): Promise<number> {
    const port = this.proxies.get(pod)?.ports.health ?? 0;
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(new RegExp(`^teleport_proxy_${name} (\\S+)$`, "m").exec(text)?.[1]);
  }

  /** Resolves when every proxy has every tunnel again and nobody's session. */
  async settled(deadlineMs: number): Promise<void> {
    await until(
      "every tunnel, and no session",
      async () => {
        for (const pod of PODS) {
          if ((await this.metric(pod, "tunnels")) !== TUNNELS) return false;
          if ((await this.metric(pod, "sessions")) !== 0) return false;
        }
        return true;
      },
      { deadlineMs, everyMs: 100 },
    );
  }

  transfer(): Transfer {
    return new Transfer(this.openSsh.program("ssh"), this.#config, this.target);
  }

  /** Milliseconds until a new session works, tried again as a person would. */
  async newSession(deadlineMs: number): Promise<number> {
    const from = performance.now();
    await until(
      "a new session",
      async () => {
        const args = ["-F", this.#config, this.target, "echo here"];
        const result = await runCommand(this.openSsh.program("ssh"), args, { timeoutMs: 10_000 });
        return result.stdout === "here\n";
      },
      { deadlineMs, everyMs: 50 },
    );
    return performance.now() - from;
  }

  programs(): readonly Program[] {
    return [...[...this.proxies.values()].map(({ program }) => program), ...this.agents.values()];
  }

  /** What the programs that no fault ends hold. */
  async held(): Promise<ReadonlyMap<string, Held>> {
    const held = new Map<string, Held>();
    for (const program of this.programs()) {
      if (SURVIVORS.includes(program.name)) held.set(program.name, await program.held());
    }
    return held;
  }

  async stop(): Promise<void> {
    for (const program of this.programs()) program.signal("SIGCONT");
    await Promise.all(this.programs().map((program) => program.stop("SIGKILL")));
    for (const relay of this.#relays.values()) await relay.close();
    // A session's process outlives its listener, and holds its log open.
    if (this.#sshd !== undefined) signalTree(this.#sshd.pid, "SIGKILL");
    await this.#sshd?.stop();
    await this.api.close();
    this.folder.remove();
  }

  #set(kind: string, name: string, spec: object): void {
    this.api.set({
      apiVersion: API_VERSION,
      kind,
      metadata: { name, namespace: NAMESPACE },
      spec,
    } as Parameters<FakeApiServer["set"]>[0]);
  }

  #makeObjects(): void {
    const publicKeys = [formatPublicKeyLine(publicKeyOf(this.#keys.hostCa))];
    this.#set("TrustedHostCA", "prod", { publicKeys, principals: "Scoped", maxTunnels: 64 });
    this.#set("ProxyUser", "alice", {});
    this.#set("UserAccess", "alice-prod", {
      userRef: { name: "alice" },
      clusters: ["prod"],
      logins: [loginName()],
    });
    const expirationTime = new Date(Date.now() + 8 * HOUR).toISOString();
    const factors = ["Password", "TOTP"];
    const fields = { namespace: NAMESPACE, name: "s-alice", user: "alice", expirationTime, factors };
    const seal = sealLoginSession(loginSessionSealKey(this.#sessionKey), fields);
    this.#set("LoginSession", "s-alice", { userRef: { name: "alice" }, expirationTime, factors, seal });
  }

  /** What the operator mounts into a proxy. */
  #mountProxy(): void {
    const files = {
      "config/config.json": JSON.stringify(PROXY_CONFIG),
      "user-ca/ca.key": formatPkcs8(this.#keys.userCa),
      "user-ca/ca.pub": `${formatPublicKeyLine(publicKeyOf(this.#keys.userCa))}\n`,
      "ssh-host/ssh_host_ed25519_key": formatOpenSshPrivateKey(this.#keys.proxyHost, "acme"),
      "tls/tls.crt": WEB_TLS.cert,
      "tls/tls.key": WEB_TLS.key,
      "session/session.key": this.#sessionKey.toString("base64url"),
    };
    this.#mount(this.folder.file("proxy"), files);
    this.#mount(this.folder.file("ui"), { "index.html": "<!doctype html>", "assets/a.js": "" });
  }

  #mountAgent(name: AgentName): string {
    const { agentHost, hostCa, proxyHost, userCa } = this.#keys;
    const certificate = issueCertificate(hostCa, {
      type: "host",
      publicKey: publicKeyOf(agentHost),
      keyId: "prod",
      principals: ["prod"],
      validAfter: new Date(Date.now() - 60_000),
      validBefore: new Date(Date.now() + HOUR),
    });
    const proxy = {
      name: "acme",
      address: `127.0.0.1:${this.relay("tunnels").port}`,
      hostKeys: [formatPublicKeyLine(publicKeyOf(proxyHost))],
      userCAKeys: [formatPublicKeyLine(publicKeyOf(userCa))],
      suspend: false,
    };
    const target = { host: "web-1", ports: [22], address: `127.0.0.1:${this.relay("targets").port}` };
    const folder = this.folder.file(name);
    this.#mount(folder, {
      "config/config.json": JSON.stringify({ cluster: "prod", proxies: [proxy], targets: [target] }),
      "host/ssh_host_ed25519_key": formatOpenSshPrivateKey(agentHost, "prod"),
      "host/ssh_host_ed25519_key-cert.pub": formatCertificateLine(certificate),
    });
    return folder;
  }

  #mount(folder: string, files: Readonly<Record<string, string>>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    }
  }

  /** alice's key, certificate and ssh_config. */
  #writeClient(): string {
    const { user, userCa, proxyHost, hostCa } = this.#keys;
    const certificate = issueCertificate(userCa, {
      type: "user",
      publicKey: publicKeyOf(user),
      keyId: "alice",
      principals: [`${loginName()}@prod`],
      validAfter: new Date(Date.now() - 60_000),
      validBefore: new Date(Date.now() + HOUR),
      extensions: { "permit-pty": "", "session@teleport-access.io": "s-alice" },
    });
    const identity = writeIdentity(this.folder, "alice", user, certificate);
    const knownHosts = this.folder.write(
      "known_hosts",
      `proxy ${formatPublicKeyLine(publicKeyOf(proxyHost))}\n@cert-authority *.prod ${formatPublicKeyLine(publicKeyOf(hostCa))}\n`,
    );
    const lines = [
      "Host proxy",
      "  HostName 127.0.0.1",
      `  Port ${this.relay("people").port}`,
      "  HostKeyAlias proxy",
      "Host *.prod",
      "  ProxyJump proxy",
      "Host *",
      "  BatchMode yes",
      "  ConnectTimeout 5",
      // A person's own half of noticing: a network that drops packets says nothing to anybody.
      "  ServerAliveInterval 3",
      "  ServerAliveCountMax 3",
      "  IdentitiesOnly yes",
      "  IdentityAgent none",
      "  GlobalKnownHostsFile none",
      `  UserKnownHostsFile ${knownHosts}`,
      "  StrictHostKeyChecking yes",
      `  IdentityFile ${identity}`,
      `  CertificateFile ${identity}-cert.pub`,
      "",
    ];
    return this.folder.write("ssh_config", lines.join("\n"));
  }
}
