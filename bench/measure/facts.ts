/** What stands beside every figure: versions and settings, without which nobody can repeat it. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../hack/bundle.ts";
import { openSshPair } from "../lab/setting.ts";
import { goVersions, hasGoRelay } from "../peers/go-relay.ts";
import { cpuSource } from "./cpu.ts";
import { loadAverage } from "./sample.ts";

/** Name and value, in the order in which they are printed. */
export type Facts = Readonly<Record<string, string>>;

function setting(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8").trim() : "none";
}

function goToolchain(): string {
  try {
    return execFileSync("go", ["version"], { encoding: "utf8" }).split(" ")[2] ?? "?";
  } catch {
    return "none";
  }
}

export function collectFacts(): Facts {
  const { newest, oldest } = openSshPair();
  const { version } = JSON.parse(readFileSync(join(ROOT, "node_modules/ssh2/package.json"), "utf8")) as {
    version: string;
  };
  return {
    commit: commit(),
    node: `${process.version} (OpenSSL ${process.versions.openssl})`,
    ssh2: version,
    OpenSSH: [newest, oldest].flatMap((one) => one?.version ?? []).join(", "),
    go: hasGoRelay() ? `${goToolchain()}, ${goVersions()}` : "none",
    congestion: setting("/proc/sys/net/ipv4/tcp_congestion_control"),
    governor: setting("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    kernel: release(),
    machine: `${availableParallelism()} × ${cpus()[0]?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    "CPU time from": cpuSource(),
    load: String(loadAverage()),
  };
}

function commit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], { cwd: ROOT, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
