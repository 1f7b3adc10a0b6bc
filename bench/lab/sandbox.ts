/**
 * Where a benchmark runs: network, processes, mounts and accounts of its own, so
 * that every port is free, nobody else's traffic is in the way, and nothing is
 * left on the machine, however the run ends.
 *
 * The first process starts itself again inside (`enterSandbox`); the second sets
 * the inside up (`prepareSandbox`). Needs Linux and root, as sshd does to let
 * anybody else in than the one who started it.
 */
import { spawn, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { removeCpuGroups, RUN_VARIABLE } from "../measure/cpu.ts";

/** The account on the target. /bin/dash and an empty home: rc files would be most of a login's time. */
export const LOGIN = "bench";
const LOGIN_UID = 40_404;
/** OpenSSH's privilege separation needs one to become. */
const SSHD_UID = 40_405;

const PROGRAMS = ["unshare", "mount", "ip"];

/** Whether this process is the one inside. */
export function insideSandbox(): boolean {
  return process.env[RUN_VARIABLE] !== undefined;
}

/** Why there can be no sandbox here; undefined when there can. */
export function sandboxProblem(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return "the benchmarks start sshd for another account, in namespaces of their own: run them as root on Linux";
  const missing = PROGRAMS.find((program) => spawnSync("which", [program]).status !== 0);
  return missing === undefined ? undefined : `${missing} not found: install util-linux and iproute2`;
}

/** Runs this program again inside; resolves with its exit code when everything in there has ended. */
export async function enterSandbox(): Promise<number> {
  const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn("unshare", [...namespaces, ...self], {
    stdio: "inherit",
    env: { ...process.env, [RUN_VARIABLE]: String(process.pid) },
  });
  // unshare itself heeds no polite signal; when it is killed, the kernel kills everything inside.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => child.kill("SIGKILL"));
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      resolve(status ?? 1);
    });
  });
  await removeCpuGroups();
  return code;
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench: ${command} ${args.join(" ")} failed: ${stderr.trim()}`);
}

/** Where everything of a run is: in memory, gone with the sandbox. */
export const FOLDER = "/run/bench";

/** Sets the inside up. */
export function prepareSandbox(): void {
  run("ip", "link", "set", "lo", "up");
  // The namespace has a setting of its own: CONGESTION=reno is another experiment.
  const congestion = process.env["CONGESTION"];
  if (congestion !== undefined) writeFileSync("/proc/sys/net/ipv4/tcp_congestion_control", congestion);
  run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run");
  mkdirSync("/run/sshd", { mode: 0o755 });
  mkdirSync(FOLDER);
  mkdirSync(`${FOLDER}/home`);
  chownSync(`${FOLDER}/home`, LOGIN_UID, LOGIN_UID);
  const accounts = readFileSync("/etc/passwd", "utf8").trimEnd().split("\n");
  accounts.push(`${LOGIN}:*:${LOGIN_UID}:${LOGIN_UID}::${FOLDER}/home:/bin/dash`);
  if (!accounts.some((line) => line.startsWith("sshd:")))
    accounts.push(`sshd:*:${SSHD_UID}:65534::/run/sshd:/usr/sbin/nologin`);
  writeFileSync(`${FOLDER}/passwd`, `${accounts.join("\n")}\n`);
  run("mount", "--bind", `${FOLDER}/passwd`, "/etc/passwd");
}
