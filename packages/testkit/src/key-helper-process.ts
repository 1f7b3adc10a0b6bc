/**
 * `teleport-key-helper` as a person runs it, left running in the background:
 * started again when it is gone, found again by its pid file, ended by it.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { until } from "./until.ts";

/** The files of one person's machine, all in one folder. */
export interface KeyFiles {
  readonly folder: string;
  readonly key: string;
  readonly publicKey: string;
  readonly certificate: string;
  readonly sshConfig: string;
  readonly knownHosts: string;
  readonly token: string;
  readonly pid: string;
  readonly log: string;
}

export function keyFiles(folder: string): KeyFiles {
  return {
    folder,
    key: join(folder, "id_ed25519"),
    publicKey: join(folder, "id_ed25519.pub"),
    certificate: join(folder, "id_ed25519-cert.pub"),
    sshConfig: join(folder, "ssh_config"),
    knownHosts: join(folder, "known_hosts"),
    token: join(folder, "token"),
    pid: join(folder, "key-helper.pid"),
    log: join(folder, "key-helper.log"),
  };
}

/** Makes the person's SSH key unless it is there. */
export async function ensureKey(files: KeyFiles, comment: string): Promise<void> {
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  if (existsSync(files.key)) return;
  const args = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", files.key];
  const { code, stderr } = await runCommand("ssh-keygen", args);
  if (code !== 0) throw new Error(`ssh-keygen failed: ${stderr.trim()}`);
}

export interface KeyHelperOptions {
  /** The bundled program. */
  readonly program: string;
  readonly server: string;
  readonly user: string;
  readonly token: string;
  readonly caFile: string;
}

/** The flags, as its users know them and then the optional ones. */
export function keyHelperArguments(files: KeyFiles, options: KeyHelperOptions): readonly string[] {
  return [
    options.program,
    `--server=${options.server}`,
    `--auth=${options.user}`,
    `--token=${options.token}`,
    `--key-path=${files.publicKey}`,
    `--cert-path=${files.certificate}`,
    `--ca-file=${options.caFile}`,
    `--state-dir=${files.folder}`,
    `--ssh-config=${files.sshConfig}`,
    `--known-hosts=${files.knownHosts}`,
  ];
}

/** The key-helper's process id while it runs for these files; a stale pid file never points to a stranger. */
export function runningKeyHelper(files: KeyFiles): number | undefined {
  if (!existsSync(files.pid)) return undefined;
  const pid = Number(readFileSync(files.pid, "utf8"));
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words.includes(`--cert-path=${files.certificate}`) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Starts it detached, so that it outlives this process; its words go to the log file. */
export function startKeyHelper(files: KeyFiles, options: KeyHelperOptions): number {
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  const log = openSync(files.log, "a", 0o600);
  const child = spawn(process.execPath, [...keyHelperArguments(files, options)], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.on("error", () => undefined);
  child.unref();
  if (child.pid === undefined) throw new Error("cannot start the key-helper");
  writeFileSync(files.pid, String(child.pid));
  return child.pid;
}

/** Ends it and waits until it is gone. */
export async function stopKeyHelper(files: KeyFiles): Promise<void> {
  const pid = runningKeyHelper(files);
  if (pid !== undefined) {
    process.kill(pid, "SIGTERM");
    await until("the key-helper's end", () => runningKeyHelper(files) === undefined, {
      deadlineMs: 5000,
    }).catch(() => process.kill(pid, "SIGKILL"));
  }
  rmSync(files.pid, { force: true });
}

/** The end of its log, for a message about what went wrong. */
export function keyHelperLog(files: KeyFiles): string {
  return existsSync(files.log) ? readFileSync(files.log, "utf8").slice(-2000).trim() : "";
}
