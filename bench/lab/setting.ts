/**
 * Everything that is compared, running side by side: our product, OpenSSH's own
 * way, the Go relay, one target sshd for all of them, and the stock client.
 * Nothing but the way under measurement has work to do at any time.
 */
import type { OpenSsh } from "@teleport-access/testkit";
import { openSshMatrix } from "@teleport-access/testkit";
import { createCpuGroup } from "../measure/cpu.ts";
import type { CpuGroup } from "../measure/cpu.ts";
import { GO_WAYS, hasGoRelay, startGoRelay } from "../peers/go-relay.ts";
import { openSshWays, startOpenSshPeer } from "../peers/openssh.ts";
import type { OpenSshPeer, OpenSshPorts } from "../peers/openssh.ts";
import { makeEstate, TARGET } from "./estate.ts";
import type { Estate } from "./estate.ts";
import { SSH_PORT, startProduct } from "./product.ts";
import type { Product, ProductOptions } from "./product.ts";
import { createBenchClient } from "./ssh-client.ts";
import type { BenchClient, Way } from "./ssh-client.ts";
import { startSshd } from "./sshd.ts";

/** What one run is asked to do. */
export interface RunOptions {
  /** Small numbers: does everything work, and roughly how well. */
  readonly quick: boolean;
  /** B1 and B2 measure these only; for whoever tunes one of them. */
  readonly paths?: readonly string[];
}

export type PathName = "ours" | "p1" | "p1-plain" | "p2" | "go" | "direct";

/** One way to the target and the groups whose processor time is its relay's. */
export interface Path {
  readonly way: string;
  readonly relay: readonly CpuGroup[];
  readonly title: string;
}

export interface Setting {
  readonly estate: Estate;
  readonly product: Product;
  readonly p1: OpenSshPeer;
  readonly paths: ReadonlyMap<PathName, Path>;
  /** All parts; what the machine does beyond them is foreign. */
  readonly groups: readonly CpuGroup[];
  /** The newest: client, target and P1. */
  readonly openSsh: OpenSsh;
  readonly proxyGroup: CpuGroup;
  /** Of P1's jump host. */
  readonly peerGroup: CpuGroup;
  readonly targetPort: number;
  /** What is not there, and why. */
  readonly notes: readonly string[];
  /** `ciphers`: best first. `old`: the OpenSSH of this machine's Debian, which P2 is. */
  client(ciphers?: string, old?: boolean): BenchClient;
  path(name: PathName): Path;
  stop(): Promise<void>;
}

const POST_QUANTUM = "mlkem768x25519-sha256";
/** What stock clients end up with when a server leaves ChaCha20 out. */
export const GCM = "aes128-gcm@openssh.com";
/** OpenSSH's own order; our proxy's hop then takes the next one, since it does not offer ChaCha20. */
export const STOCK_CIPHERS = `chacha20-poly1305@openssh.com,${GCM}`;

export const TARGET_PORT = 4022;
const OLD_TARGET_PORT = 4122;
export const P1: Omit<OpenSshPorts, "targetPort"> = { name: "p1", jumpPort: 4025, reversePort: 4026 };
const P2: Omit<OpenSshPorts, "targetPort"> = { name: "p2", jumpPort: 4125, reversePort: 4126 };

export interface SettingOptions extends Partial<Pick<ProductOptions, "clusters" | "limits" | "tunnelPort">> {
  /** Peers beside P1. */
  readonly with?: readonly ("p2" | "go")[];
  /** Ciphers of P1's and P2's tunnels. @default GCM */
  readonly tunnelCiphers?: string;
  /** More names for the client's configuration. */
  readonly ways?: readonly Way[];
}

/** The newest OpenSSH there is here, and the oldest. */
export function openSshPair(): { readonly newest: OpenSsh; readonly oldest: OpenSsh | undefined } {
  const { installed } = openSshMatrix();
  const newest = installed.at(-1);
  if (newest === undefined) throw new Error("no OpenSSH here: install openssh-server and openssh-client");
  return { newest, oldest: installed.length > 1 ? installed[0] : undefined };
}

/** Starts it; every way has carried a login when it resolves. */
export async function startSetting(options: SettingOptions = {}): Promise<Setting> {
  const builder = new Builder(options);
  try {
    return await builder.build();
  } catch (error) {
    await builder.stop();
    throw error;
  }
}

class Builder {
  readonly #options: SettingOptions;
  readonly #estate = makeEstate();
  readonly #openSsh = openSshPair();
  readonly #groups = new Map<string, CpuGroup>();
  readonly #paths = new Map<PathName, Path>();
  readonly #ways: Way[] = [];
  readonly #notes: string[] = [];
  readonly #stops: (() => Promise<void>)[] = [];
  #clients = 0;

  constructor(options: SettingOptions) {
    this.#options = options;
  }

  async build(): Promise<Setting> {
    const product = await this.#startProduct();
    const p1 = await this.#startPeer(P1, this.#openSsh.newest, TARGET_PORT);
    if (this.#options.with?.includes("p2") === true) await this.#startP2();
    if (this.#options.with?.includes("go") === true) await this.#startGo();
    this.#ways.push(...(this.#options.ways ?? []));
    this.#group("client");
    const setting: Setting = {
      estate: this.#estate,
      ...{ product, p1, paths: this.#paths, notes: this.#notes, targetPort: TARGET_PORT },
      groups: [...this.#groups.values()],
      openSsh: this.#openSsh.newest,
      proxyGroup: this.#group("ours-proxy"),
      peerGroup: this.#group("p1-proxy"),
      client: (ciphers = GCM, old = false) => this.#client(ciphers, old),
      path: (name) => this.#path(name),
      stop: () => this.stop(),
    };
    await this.#checkPaths(setting);
    return setting;
  }

  /** Each path carries a login; ours and P1's agree on what the figures claim, or there are no figures. */
  async #checkPaths(setting: Setting): Promise<void> {
    for (const [name, { way, title }] of this.#paths) {
      const hops = await setting.client(GCM, name === "p2").negotiated(way);
      if (name !== "p2" && name !== "go" && !hops.every((hop) => hop.startsWith(`${POST_QUANTUM} `)))
        throw new Error(
          `bench: ${title} agreed on ${hops.join(", ")}: expected ${POST_QUANTUM} on every hop`,
        );
      this.#notes.push(`${title}: ${hops.length} hops, ${[...new Set(hops)].join("; ")}`);
    }
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  #group(name: string): CpuGroup {
    const group = this.#groups.get(name) ?? createCpuGroup(name);
    this.#groups.set(name, group);
    return group;
  }

  #path(name: PathName): Path {
    const path = this.#paths.get(name);
    if (path === undefined) throw new Error(`bench: ${name} was not started`);
    return path;
  }

  async #startProduct(): Promise<Product> {
    await this.#startTarget(this.#openSsh.newest, TARGET_PORT);
    const groups = {
      proxy: this.#group("ours-proxy"),
      agent: this.#group("ours-agent"),
      rest: this.#group("rest"),
    };
    const { clusters = [], limits, tunnelPort } = this.#options;
    const product = await startProduct({
      ...{ estate: this.#estate, groups, targetPort: TARGET_PORT, clusters },
      ...(limits === undefined ? {} : { limits }),
      ...(tunnelPort === undefined ? {} : { tunnelPort }),
    });
    this.#stops.push(() => product.stop());
    this.#ways.push(
      { host: "proxy", port: SSH_PORT, target: false },
      { host: TARGET, as: TARGET, port: 22, jump: "proxy", target: true },
      { host: "direct", port: TARGET_PORT, target: true },
    );
    this.#paths.set("ours", { way: TARGET, relay: [groups.proxy, groups.agent], title: "ours" });
    this.#paths.set("direct", { way: "direct", relay: [], title: "direct" });
    return product;
  }

  async #startTarget(openSsh: OpenSsh, port: number): Promise<void> {
    const target = await startSshd({
      ...{ openSsh, estate: this.#estate, host: this.#estate.target, port },
      group: this.#group("target"),
    });
    this.#stops.push(() => target.stop());
  }

  async #startPeer(
    names: Omit<OpenSshPorts, "targetPort">,
    openSsh: OpenSsh,
    targetPort: number,
  ): Promise<OpenSshPeer> {
    const { name } = names;
    const groups = { proxy: this.#group(`${name}-proxy`), agent: this.#group(`${name}-agent`) };
    const ports = { ...names, targetPort };
    const ciphers = this.#options.tunnelCiphers ?? GCM;
    const peer = await startOpenSshPeer({ ...ports, openSsh, estate: this.#estate, groups, ciphers });
    this.#stops.push(() => peer.stop());
    this.#ways.push(...openSshWays(ports));
    const { version } = openSsh;
    this.#paths.set(name === "p1" ? "p1" : "p2", {
      way: `${name}-reverse`,
      relay: [groups.proxy, groups.agent],
      title: `${version} -R`,
    });
    if (name === "p1")
      this.#paths.set("p1-plain", { way: "p1-plain", relay: [groups.proxy], title: `${version} -J` });
    return peer;
  }

  async #startP2(): Promise<void> {
    const { oldest } = this.#openSsh;
    if (oldest === undefined) {
      this.#notes.push("P2 is left out: there is one OpenSSH here");
      return;
    }
    await this.#startTarget(oldest, OLD_TARGET_PORT);
    await this.#startPeer(P2, oldest, OLD_TARGET_PORT);
  }

  async #startGo(): Promise<void> {
    if (!hasGoRelay()) {
      this.#notes.push("P3 is left out: the Go relay was not built (no Go here, or no network)");
      return;
    }
    const groups = { proxy: this.#group("go-proxy"), agent: this.#group("go-agent") };
    const relay = await startGoRelay({ estate: this.#estate, groups, targetPort: TARGET_PORT });
    this.#stops.push(() => relay.stop());
    this.#ways.push(...GO_WAYS);
    this.#paths.set("go", { way: "go-reverse", relay: [groups.proxy, groups.agent], title: "Go relay" });
  }

  #client(ciphers: string, old: boolean): BenchClient {
    this.#clients += 1;
    const { newest, oldest = newest } = this.#openSsh;
    return createBenchClient({
      name: String(this.#clients),
      openSsh: old ? oldest : newest,
      estate: this.#estate,
      group: this.#group("client"),
      ways: this.#ways,
      ciphers,
    });
  }
}
