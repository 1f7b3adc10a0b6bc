/**
 * A whole estate in this process but for OpenSSH: an API server in memory, our proxy (without its web
 * port), our agent, a real sshd behind it, and a real ssh in front.
 */
import { randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { startAgent } from "@teleport-access/cluster-agent";
import type { Agent } from "@teleport-access/cluster-agent";
import { createLogger, createMetrics, systemClock } from "@teleport-access/daemon";
import { connect } from "@teleport-access/kube";
import { createProxy, loginSessionSealKey, sealLoginSession } from "@teleport-access/proxy";
import type { Environment, Proxy, ProxyPorts } from "@teleport-access/proxy";
import { startSsh2 } from "@teleport-access/ssh";
import type { RekeyPolicy } from "@teleport-access/ssh";
import {
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import {
  createSshClient,
  createTestFolder,
  FakeApiServer,
  loginName,
  openSshMatrix,
  until,
  writeIdentity,
} from "@teleport-access/testkit";
import type { OpenSsh, SshClient, Sshd, TestFolder } from "@teleport-access/testkit";
import { formatAddress } from "@teleport-access/wire";
import type { AgentConfig, AgentTarget, ProxyConfig } from "@teleport-access/wire";
import type { AuditRecord } from "./audit-record.ts";
import { caKeysOf, mounted } from "./mounted.ts";
import { PROXY_CONFIG } from "./proxy-config.ts";
import { createNoWeb, createTestWeb, WEB_TLS } from "./web-port.ts";
import { startTargetSshd } from "./target-sshd.ts";
import { makeUserCertificate } from "./user-certificate.ts";
import type { UserCertificateParts } from "./user-certificate.ts";

export type { UserCertificateParts } from "./user-certificate.ts";

export type { AuditRecord } from "./audit-record.ts";

export const NAMESPACE = "acme";
const API_VERSION = "teleport-access.io/v1alpha1";
export const SESSION_KEY: Buffer = randomBytes(32);
const HOUR = 3_600_000;

/** The keys of one estate. */
export interface EstateKeys {
  readonly userCa: KeyObject;
  readonly hostCa: KeyObject;
  readonly proxyHost: KeyObject;
  readonly user: KeyObject;
}

/** What stands behind the agent of cluster prod. */
export interface Behind {
  readonly sshds: readonly Sshd[];
  readonly targets: readonly AgentTarget[];
}

/** What differs from the usual estate. */
export interface ProxyWorldOptions {
  readonly openSsh?: OpenSsh;
  /** Where the proxy listens. @default "127.0.0.1" */
  readonly listenHost?: string;
  /** The proxy's own web port, instead of none. */
  readonly web?: boolean;
  readonly config?: Partial<ProxyConfig>;
  /** When the proxy changes keys. @default as in production */
  readonly rekey?: RekeyPolicy;
  /** Where the agent dials. @default the tunnel port */
  readonly agentAddress?: (ports: ProxyPorts) => string;
  /** Starts the targets. Without it: one sshd, web-1. */
  readonly behind?: (keys: EstateKeys, folder: TestFolder) => Promise<Behind>;
  /** Those of another estate, which then has the same people and hosts. */
  readonly keys?: EstateKeys;
}

/** A running estate. */
export interface ProxyWorld {
  readonly api: FakeApiServer;
  readonly keys: EstateKeys;
  readonly ports: ProxyPorts;
  readonly listenHost: string;
  readonly proxy: Proxy;
  readonly folder: TestFolder;
  readonly sshd: Sshd;
  /** The account that sshd lets in. */
  readonly login: string;
  readonly audit: AuditRecord[];
  /** The host CA of cluster prod, as a TrustedHostCA takes it. */
  readonly hostCaLines: readonly string[];
  /** ssh with alice's certificate, or with a certificate (or none: undefined) of the test's own. */
  client(name?: string, certificate?: Certificate | "none"): SshClient;
  certificate(parts?: UserCertificateParts): Certificate;
  /** Resolves with the first audit line, now or later, that has all these fields. */
  audited(fields: Partial<AuditRecord>): Promise<AuditRecord>;
  startAgent(options?: AgentParts): Agent;
  /** The agent that the world started with. */
  readonly agent: Agent;
  /** What that agent's operator wrote. */
  agentConfig(cluster?: string): AgentConfig;
  set(kind: string, name: string, spec: object): void;
  /** Makes a person who has signed in: the LoginSession is `s-<user>`. */
  signIn(user: string): void;
  remove(kind: string, name: string): void;
  /** The operator ends a rotation of the user CA: only `key` counts from now on. */
  rotateUserCa(key: KeyObject): void;
  /** Puts every object back as it was at the start. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** What differs from the agent of cluster prod. */
export interface AgentParts {
  readonly cluster?: string;
  readonly ca?: KeyObject;
  readonly principals?: readonly string[];
}

/** The OpenSSH of this machine. */
export function localOpenSsh(): OpenSsh {
  const [first] = openSshMatrix().installed;
  if (first === undefined) throw new Error("no OpenSSH here: install openssh-server and openssh-client");
  return first;
}

/** Starts everything and waits until a tunnel is up. */
export async function startProxyWorld(options: ProxyWorldOptions = {}): Promise<ProxyWorld> {
  await startSsh2();
  const world = new World(options);
  await world.start();
  return world;
}

class World implements ProxyWorld {
  readonly api = new FakeApiServer();
  readonly folder = createTestFolder();
  readonly login = loginName();
  readonly audit: AuditRecord[] = [];
  readonly keys: EstateKeys;
  readonly listenHost: string;
  readonly #userCa: ReturnType<typeof mounted<ReturnType<typeof caKeysOf>>>;
  readonly #options: ProxyWorldOptions;
  readonly #agents: Agent[] = [];
  readonly #log = createLogger({
    program: "proxy",
    destination: {
      write: (line: string) => {
        const record = JSON.parse(line) as AuditRecord & { readonly audit?: boolean };
        if (record.audit === true) this.audit.push(record);
        if (process.env["SHOW_LOG"] !== undefined) process.stderr.write(line);
      },
    },
  });
  #proxy: Proxy | undefined;
  #behind: Behind | undefined;
  ports: ProxyPorts = { web: 0, ssh: 0, tunnel: 0 };

  constructor(options: ProxyWorldOptions) {
    this.#options = options;
    this.listenHost = options.listenHost ?? "127.0.0.1";
    this.keys = options.keys ?? {
      userCa: generatePrivateKey("Ed25519"),
      hostCa: generatePrivateKey("Ed25519"),
      proxyHost: generatePrivateKey("Ed25519"),
      user: generatePrivateKey("Ed25519"),
    };
    this.#userCa = mounted(caKeysOf(this.keys.userCa));
  }

  get hostCaLines(): readonly string[] {
    return [formatPublicKeyLine(publicKeyOf(this.keys.hostCa))];
  }

  get proxy(): Proxy {
    if (this.#proxy === undefined) throw new Error("not started");
    return this.#proxy;
  }

  get sshd(): Sshd {
    const [sshd] = this.#behind?.sshds ?? [];
    if (sshd === undefined) throw new Error("not started");
    return sshd;
  }

  async start(): Promise<void> {
    await this.api.listen(0);
    this.#makeObjects();
    this.#behind = await (this.#options.behind?.(this.keys, this.folder) ?? this.#startWeb1());
    const proxy = await this.#createProxy();
    this.#proxy = proxy;
    this.ports = await proxy.listen({ web: 0, ssh: 0, tunnel: 0 });
    await until("the access list", () => proxy.notReady().length === 0, { deadlineMs: 5000, everyMs: 10 });
    writeIdentity(this.folder, "alice", this.keys.user, this.certificate());
    const agent = this.startAgent();
    await until("a tunnel", () => agent.notReady().length === 0, { deadlineMs: 10_000, everyMs: 10 });
    await this.audited({ event: "tunnel.up" });
  }

  certificate(parts: UserCertificateParts = {}): Certificate {
    return makeUserCertificate(this.keys, { principals: [`${this.login}@prod`], ...parts });
  }

  client(name = "alice", certificate?: Certificate | "none"): SshClient {
    if (certificate === "none") writeIdentity(this.folder, name, this.keys.user);
    else if (certificate !== undefined) writeIdentity(this.folder, name, this.keys.user, certificate);
    const identity = this.folder.file(name);
    const knownHosts = this.folder.write(
      "known_hosts",
      [
        `[127.0.0.1]:${this.ports.ssh} ${formatPublicKeyLine(publicKeyOf(this.keys.proxyHost))}`,
        `@cert-authority *.prod,*.dev ${formatPublicKeyLine(publicKeyOf(this.keys.hostCa))}`,
        "",
      ].join("\n"),
    );
    const config = [
      "Host *",
      "  IdentitiesOnly yes",
      "  IdentityAgent none",
      "  GlobalKnownHostsFile none",
      `  UserKnownHostsFile ${knownHosts}`,
      "  StrictHostKeyChecking yes",
      `  IdentityFile ${identity}`,
      ...(certificate === "none" ? [] : [`  CertificateFile ${identity}-cert.pub`]),
      "Host proxy",
      "  HostName 127.0.0.1",
      `  Port ${this.ports.ssh}`,
      "Host *.prod *.dev",
      "  ProxyJump proxy",
      "",
    ];
    return createSshClient(this.folder.write(`${name}.ssh_config`, config.join("\n")));
  }

  audited(fields: Partial<AuditRecord>): Promise<AuditRecord> {
    const wanted = Object.entries(fields);
    return until(
      `audit line ${JSON.stringify(fields)} among ${this.audit.length}`,
      () =>
        this.audit.find((record) =>
          wanted.every(([key, value]) => record[key as keyof AuditRecord] === value),
        ),
      { deadlineMs: 5000, everyMs: 5 },
    );
  }

  get agent(): Agent {
    const [agent] = this.#agents;
    if (agent === undefined) throw new Error("not started");
    return agent;
  }

  agentConfig(cluster = "prod"): AgentConfig {
    const tunnelPort = formatAddress({ host: this.listenHost, port: this.ports.tunnel });
    return {
      cluster,
      proxies: [
        {
          name: "acme",
          address: this.#options.agentAddress?.(this.ports) ?? tunnelPort,
          hostKeys: [formatPublicKeyLine(publicKeyOf(this.keys.proxyHost))],
          userCAKeys: [formatPublicKeyLine(publicKeyOf(this.keys.userCa))],
          suspend: false,
        },
      ],
      targets: this.#behind?.targets ?? [],
    };
  }

  startAgent({ cluster = "prod", ca = this.keys.hostCa, principals }: AgentParts = {}): Agent {
    const privateKey = generatePrivateKey("Ed25519");
    const certificate = issueCertificate(ca, {
      type: "host",
      publicKey: publicKeyOf(privateKey),
      keyId: `${cluster}-agent`,
      principals: principals ?? [cluster],
      validAfter: new Date(Date.now() - 60_000),
      validBefore: new Date(Date.now() + HOUR),
    });
    const agent = startAgent({
      config: this.agentConfig(cluster),
      identity: { privateKey, certificate },
      apiServer: [],
      podName: `${cluster}-agent-${this.#agents.length}`,
      log: createLogger({ program: "agent", level: "silent" }),
    });
    this.#agents.push(agent);
    return agent;
  }

  set(kind: string, name: string, spec: object): void {
    this.api.set({
      apiVersion: API_VERSION,
      kind,
      metadata: { name, namespace: NAMESPACE },
      spec,
    } as Parameters<FakeApiServer["set"]>[0]);
  }

  rotateUserCa(key: KeyObject): void {
    this.#userCa.set(caKeysOf(key));
  }

  remove(kind: string, name: string): void {
    this.api.remove({ apiVersion: API_VERSION, kind, metadata: { name, namespace: NAMESPACE } });
  }

  async reset(): Promise<void> {
    this.#makeObjects();
    await until("access", async () => (await this.client().run("proxy", "targets")).code === 0, {
      deadlineMs: 10_000,
    });
    await until("a tunnel", () => this.#agents[0]?.notReady().length === 0, {
      deadlineMs: 15_000,
      everyMs: 20,
    });
    this.audit.length = 0;
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.close();
    await this.#proxy?.shutDown(0);
    await Promise.all((this.#behind?.sshds ?? []).map((sshd) => sshd.stop()));
    await this.api.close();
    this.folder.remove();
  }

  #makeObjects(): void {
    const { login } = this;
    this.set("TrustedHostCA", "prod", {
      publicKeys: this.hostCaLines,
      principals: "Scoped",
      maxTunnels: 16,
    });
    this.signIn("alice");
    this.set("UserAccess", "alice-prod", { userRef: { name: "alice" }, clusters: ["prod"], logins: [login] });
  }

  signIn(user: string): void {
    const name = `s-${user}`;
    const expirationTime = new Date(Date.now() + 8 * HOUR).toISOString();
    const factors = ["Password", "TOTP"];
    const seal = sealLoginSession(loginSessionSealKey(SESSION_KEY), {
      namespace: NAMESPACE,
      ...{ name, user, expirationTime, factors },
    });
    this.set("ProxyUser", user, {});
    this.set("LoginSession", name, { userRef: { name: user }, expirationTime, factors, seal });
  }

  async #createProxy(): Promise<Proxy> {
    const environment: Environment = {
      pod: "acme-proxy-0",
      namespace: NAMESPACE,
      listenHost: this.listenHost,
      directories: { userCa: "", sshHost: "", tls: "", session: "" },
      config: { ...PROXY_CONFIG, ...this.#options.config },
    };
    return await createProxy({
      environment,
      keys: {
        userCa: this.#userCa,
        hostKeys: mounted([{ privateKey: this.keys.proxyHost }]),
        tls: mounted(WEB_TLS),
        sessionKey: SESSION_KEY,
        close: () => undefined,
      },
      kube: await connect({ kind: "direct", connection: { server: this.api.url } }),
      clock: systemClock,
      log: this.#log,
      metrics: createMetrics("proxy"),
      ...(this.#options.rekey === undefined ? {} : { rekey: this.#options.rekey }),
      createWeb: this.#options.web === true ? createTestWeb(this.folder) : createNoWeb,
    });
  }

  async #startWeb1(): Promise<Behind> {
    const openSsh = this.#options.openSsh ?? localOpenSsh();
    const sshd = await startTargetSshd(openSsh, this.folder, {
      keys: this.keys,
      names: ["web-1.prod", "web-1.dev"],
    });
    return { sshds: [sshd], targets: [{ host: "web-1", ports: [22], address: `127.0.0.1:${sshd.port}` }] };
  }
}
