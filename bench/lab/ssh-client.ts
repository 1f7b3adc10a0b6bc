/**
 * The stock client: one ssh_config with every way to the target, and the acts that
 * benchmarks time. It asks nobody and reads no file but those given.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { OpenSsh } from "@teleport-access/testkit";
import type { CpuGroup } from "../measure/cpu.ts";
import { CLUSTER, publicLine, TARGET, writeBelow, writeIdentity } from "./estate.ts";
import type { Estate } from "./estate.ts";
import { LOGIN } from "./sandbox.ts";

/** One name in the ssh_config. */
export interface Way {
  readonly host: string;
  readonly port: number;
  /** The name of the way to jump through. */
  readonly jump?: string;
  /** Whether the target answers here, or a jump host. */
  readonly target: boolean;
  /** What the jump host is asked for. @default 127.0.0.1 */
  readonly as?: string;
  /** The user name there. @default the target's login */
  readonly user?: string;
  /** The socket of an SSH agent to forward. */
  readonly agent?: string;
  /** The address that the client comes from. */
  readonly from?: string;
}

export interface ClientOptions {
  readonly name: string;
  readonly openSsh: OpenSsh;
  readonly estate: Estate;
  readonly group: CpuGroup;
  readonly ways: readonly Way[];
  /** For all hops, best first; where a hop does not offer the first, the next counts. */
  readonly ciphers: string;
}

export interface BenchClient {
  /** Runs a command over a way to its end; rejects with what ssh said when it failed. */
  run(way: string, command: string): Promise<unknown>;
  /** What the hops of a way agree on, outermost last, e.g. "mlkem768x25519-sha256 with aes128-gcm@openssh.com". */
  negotiated(way: string): Promise<readonly string[]>;
  /** Moves bytes to this end. */
  download(way: string, bytes: number): Promise<unknown>;
  upload(way: string, bytes: number): Promise<unknown>;
  /** Moves bytes to this end until it is ended. */
  stream(way: string): ChildProcess;
  /** Starts a session and leaves it running, its input and output in our hands. */
  start(args: readonly string[], way: string, command: string): ChildProcess;
}

const LONGEST_MS = 180_000;

export function createBenchClient(options: ClientOptions): BenchClient {
  const { openSsh, group } = options;
  const base = [openSsh.program("ssh"), "-F", writeConfig(options)];
  function start(command: string, args: readonly string[], stdin: "ignore" | "pipe"): ChildProcess {
    const [program, wrapped] = group.wrap(command, args);
    const child = spawn(program, wrapped, {
      stdio: [stdin, stdin === "pipe" ? "pipe" : "ignore", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", LANG: "C" },
    });
    if (child.pid !== undefined) group.add(child.pid);
    return child;
  }
  async function finish(command: string, ...args: readonly string[]): Promise<string> {
    return await ended(start(command, args, "ignore"), args.slice(-2).join(" "));
  }
  return {
    async negotiated(way) {
      return hopsOf(await finish(...head(base), "-v", "-o", "LogLevel=DEBUG1", way, "true"));
    },
    run: (way, command) => finish(...head(base), way, command),
    download: (way, bytes) => finish(...head(base), way, `head -c ${bytes} /dev/zero`),
    upload: (way, bytes) =>
      finish("/bin/sh", "-c", `head -c ${bytes} /dev/zero | "$@"`, "sh", ...base, way, "cat >/dev/null"),
    stream: (way) => start(...headAndRest([...base, way, "head -c 100G /dev/zero"]), "ignore"),
    start: (args, way, command) => {
      const [program, rest] = headAndRest([...base, ...args, way, command]);
      return start(program, rest, "pipe");
    },
  };
}

function headAndRest(words: readonly string[]): [string, readonly string[]] {
  const [first, ...rest] = head(words);
  return [first, rest];
}

function head(base: readonly string[]): [string, ...string[]] {
  const [first = "", ...rest] = base;
  return [first, ...rest];
}

/** What ssh -v prints once a hop, for the target and for the jump host that it starts itself for. */
function hopsOf(said: string): string[] {
  const kex = [...said.matchAll(/kex: algorithm: (\S+)/g)].map((match) => match[1] ?? "");
  const ciphers = [...said.matchAll(/kex: server->client cipher: (\S+)/g)].map((match) => match[1] ?? "");
  return kex.map((name, hop) => `${name} with ${ciphers[hop] ?? "?"}`);
}

async function ended(child: ChildProcess, what: string): Promise<string> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearTimeout(timer);
  if (code !== 0) throw new Error(`bench: ssh (${what}) ended with ${String(code)}: ${said.trim()}`);
  return said;
}

function writeConfig({ name, estate, ways, ciphers }: ClientOptions): string {
  const identity = writeIdentity(`client-${name}/id`, estate.user);
  const known = [
    `@cert-authority *.${CLUSTER} ${publicLine(estate.hostCa)}`,
    ...ways
      .filter((way) => !way.target)
      .map((way) => `[127.0.0.1]:${way.port} ${publicLine(estate.proxyHost)}`),
  ];
  // ssh takes the first value that it finds for each keyword: what is particular comes first.
  const lines = [
    ...ways.flatMap(wayLines),
    "Host *",
    "  BatchMode yes",
    "  LogLevel ERROR",
    // Since 9.5 keystrokes leave in steps of 20 ms, which would be all that B7 and B13 see.
    "  IgnoreUnknown ObscureKeystrokeTiming",
    "  ObscureKeystrokeTiming no",
    "  IdentitiesOnly yes",
    "  GlobalKnownHostsFile none",
    `  UserKnownHostsFile ${writeBelow(`client-${name}/known_hosts`, `${known.join("\n")}\n`)}`,
    "  StrictHostKeyChecking yes",
    `  IdentityFile ${identity}`,
    `  CertificateFile ${identity}-cert.pub`,
    `  Ciphers ${ciphers}`,
    "  IdentityAgent none",
  ];
  return writeBelow(`client-${name}/ssh_config`, `${lines.join("\n")}\n`);
}

function wayLines({ host, port, jump, target, as = "127.0.0.1", user = LOGIN, agent, from }: Way): string[] {
  return [
    `Host ${host}`,
    ...(from === undefined ? [] : [`  BindAddress ${from}`]),
    `  User ${user}`,
    ...(agent === undefined ? [] : ["  ForwardAgent yes", `  IdentityAgent ${agent}`]),
    `  HostName ${as}`,
    `  Port ${port}`,
    ...(target ? [`  HostKeyAlias ${TARGET}`] : []),
    ...(jump === undefined ? [] : [`  ProxyJump ${jump}`]),
  ];
}
