/**
 * Real OpenSSH programs for tests: ssh, scp, sftp, ssh-keygen, ssh-agent, sshd,
 * of this machine and, where it can be installed, of Debian sid.
 *
 * Everything runs asynchronously, because the servers under test live in the
 * same process, and everything that is started has one closer.
 */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import {
  formatCertificateLine,
  formatOpenSshPrivateKey,
  formatPublicKeyLine,
  publicKeyOf,
} from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import type { KeyObject } from "node:crypto";

export type OpenSshProgram = "ssh" | "scp" | "sftp" | "sshd" | "ssh-keygen" | "ssh-agent" | "ssh-add";

/** One installation of OpenSSH. */
export interface OpenSsh {
  /** For test names, e.g. "OpenSSH_9.2p1". */
  readonly version: string;
  /** The absolute path of a program. */
  program(name: OpenSshProgram): string;
  /** sshd_config lines that this installation needs to run from its place. */
  readonly sshdConfig: readonly string[];
  /** What ssh needs in its environment to use security keys from its place. */
  readonly securityKeyEnv: Readonly<Record<string, string>>;
}

export interface OpenSshMatrix {
  readonly installed: readonly OpenSsh[];
  /** Why an entry is missing, one sentence each. */
  readonly skipped: readonly string[];
}

/** The OpenSSH of this machine and of Debian sid. Prints why one is missing. */
export function openSshMatrix(): OpenSshMatrix {
  const found = [systemOpenSsh(), sidOpenSsh()];
  const installed = found.filter((one) => typeof one !== "string");
  const skipped = found.filter((one) => typeof one === "string");
  for (const reason of skipped) console.log(`# skipped: ${reason}`);
  return { installed, skipped };
}

function systemOpenSsh(): OpenSsh | string {
  const folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
  function program(name: OpenSshProgram): string {
    const folder = folders.find((f) => existsSync(path.join(f, name)));
    if (folder === undefined) throw new Error(`${name} not found: install openssh-server and openssh-client`);
    return path.join(folder, name);
  }
  try {
    return { version: versionOf(program("ssh")), program, sshdConfig: [], securityKeyEnv: {} };
  } catch (error) {
    return String(error);
  }
}

function sidOpenSsh(): OpenSsh | string {
  const installer = fileURLToPath(new URL("../../../hack/openssh-sid.sh", import.meta.url));
  try {
    const folder = execFileSync(installer, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
    const sshdConfig = [`SshdSessionPath ${folder}/sshd-session`, `SshdAuthPath ${folder}/sshd-auth`];
    return {
      version: versionOf(path.join(folder, "ssh")),
      program: (name) => path.join(folder, name),
      sshdConfig: [...sshdConfig, "PerSourcePenalties no"],
      securityKeyEnv: { SSH_SK_HELPER: `${folder}/ssh-sk-helper` },
    };
  } catch (error) {
    const { stderr } = error as { stderr?: unknown };
    return typeof stderr === "string" && stderr !== "" ? stderr.trim() : String(error);
  }
}

function versionOf(ssh: string): string {
  const text = execFileSync("/bin/sh", ["-c", '"$0" -V 2>&1', ssh], { encoding: "utf8" });
  return /OpenSSH_[0-9.]+p[0-9]+/.exec(text)?.[0] ?? text.trim();
}

/** How a finished program did; its output as bytes, which command.ts gives as text. */
export interface FinishedProgram {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly input?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** @default 30 000 */
  readonly timeoutMs?: number;
}

/** A program that runs while the test goes on. */
export interface RunningProgram {
  readonly process: ChildProcess;
  readonly finished: Promise<FinishedProgram>;
}

/** Starts a program; it is killed when it outlives its time. */
export function startProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): RunningProgram {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir(), LANG: "C", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 30_000);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => undefined);
  if (options.input !== undefined) child.stdin.end(options.input);
  const finished = new Promise<FinishedProgram>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
  return { process: child, finished };
}

/** Runs a program to its end, with an empty input unless one is given. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<FinishedProgram> {
  return startProgram(command, args, { input: "", ...options }).finished;
}

/** A folder of a test's own. */
export interface TestFolder {
  readonly path: string;
  file(name: string): string;
  /** Writes a file only its owner may read, and returns its path. */
  write(name: string, content: string | Uint8Array): string;
  remove(): void;
}

export function createTestFolder(): TestFolder {
  const folder = mkdtempSync(path.join(tmpdir(), "teleport-access-"));
  // ssh, running as the session's user, has to reach files below it.
  chmodSync(folder, 0o755);
  function file(name: string): string {
    return path.join(folder, name);
  }
  return {
    path: folder,
    file,
    write(name, content) {
      writeFileSync(file(name), content, { mode: 0o600 });
      return file(name);
    },
    remove() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Writes `name`, `name.pub` and, with a certificate, `name-cert.pub`; returns the path of the first. */
export function writeIdentity(
  folder: TestFolder,
  name: string,
  key: KeyObject,
  certificate?: Certificate,
): string {
  folder.write(`${name}.pub`, `${formatPublicKeyLine(publicKeyOf(key), name)}\n`);
  if (certificate !== undefined)
    folder.write(`${name}-cert.pub`, `${formatCertificateLine(certificate, name)}\n`);
  return folder.write(name, formatOpenSshPrivateKey(key, name));
}

/** A TCP port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });
}

export interface Sshd {
  readonly port: number;
  /** Of the process that listens; each connection has children of it. */
  readonly pid: number;
  /** What it has written to its log so far. */
  log(): string;
  stop(): Promise<void>;
}

/** The account that test servers let in: sshd without root can only become itself. */
export function loginName(): string {
  return userInfo().username;
}

/** Starts a real sshd on loopback. `config` lines come first: sshd takes the first value of a keyword. */
export async function startSshd(
  openSsh: OpenSsh,
  folder: TestFolder,
  config: readonly string[],
): Promise<Sshd> {
  // sshd's own privilege separation folder; the package makes it at boot only.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const lines = [
    ...config,
    ...openSsh.sshdConfig,
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "AuthorizedKeysFile none",
    "MaxStartups 100",
    "Subsystem sftp internal-sftp",
    "LogLevel VERBOSE",
  ];
  const file = folder.write(`sshd_config.${port}`, `${lines.join("\n")}\n`);
  return whenListening(
    spawn(openSsh.program("sshd"), ["-D", "-e", "-f", file], { stdio: ["ignore", "ignore", "pipe"] }),
    port,
  );
}

function whenListening(child: ChildProcess, port: number): Promise<Sshd> {
  let log = "";
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => {
      resolve();
    });
  });
  async function stop(): Promise<void> {
    child.kill("SIGTERM");
    await ended;
  }
  return new Promise((resolve, reject) => {
    let listening = false;
    child.on("error", reject);
    child.on("exit", (code) => {
      reject(new Error(`sshd ended with ${String(code)}: ${log}`));
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      log += chunk.toString();
      // Asked once only: a test may make sshd write megabytes.
      if (listening || !log.includes("Server listening on")) return;
      listening = true;
      resolve({ port, pid: child.pid ?? 0, log: () => log, stop });
    });
  });
}

export interface SshAgent {
  /** The value of SSH_AUTH_SOCK. */
  readonly socket: string;
  add(keyFile: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a real ssh-agent. */
export async function startSshAgent(openSsh: OpenSsh, folder: TestFolder): Promise<SshAgent> {
  const socket = folder.file(`agent.${process.pid}`);
  const { process: child, finished } = startProgram(openSsh.program("ssh-agent"), ["-D", "-a", socket], {
    timeoutMs: 600_000,
  });
  await new Promise<void>((resolve) => {
    // The agent prints its variables once it listens.
    child.stdout?.once("data", () => {
      resolve();
    });
  });
  return {
    socket,
    async add(keyFile) {
      const added = await runProgram(openSsh.program("ssh-add"), ["-q", keyFile], {
        env: { SSH_AUTH_SOCK: socket },
      });
      if (added.status !== 0) throw new Error(`ssh-add: ${added.stderr}`);
    },
    async stop() {
      child.kill("SIGTERM");
      await finished;
    },
  };
}

/** Options with which ssh asks nobody anything and reads no file but those given. */
export function strictSshOptions(options: Readonly<Record<string, string>>): string[] {
  const all = {
    BatchMode: "yes",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    GlobalKnownHostsFile: "none",
    StrictHostKeyChecking: "yes",
    ConnectTimeout: "10",
    ...options,
  };
  return ["-F", "none", ...Object.entries(all).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
}
