/**
 * Programs of this machine that the demo, the tests and the image builder need:
 * installed where that is possible without asking, named with the command that
 * installs them elsewhere.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export interface Need {
  /** A program looked for in PATH, or an absolute path. */
  readonly program: string;
  /** The Debian package that has it. */
  readonly package: string;
}

/** What a person at a laptop has: the stock OpenSSH client. */
export const OPENSSH: readonly Need[] = ["ssh", "scp", "sftp", "ssh-keygen"].map((program) => ({
  program,
  package: "openssh-client",
}));

function found({ program }: Need): boolean {
  if (program.startsWith("/")) return existsSync(program);
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`));
}

/** What must be put before a command so that it runs as root; undefined when nothing can. */
function asRoot(): readonly string[] | undefined {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : undefined;
}

function apt(prefix: readonly string[], args: readonly string[]): boolean {
  const [command = "env", ...rest] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
  return spawnSync(command, rest, { stdio: ["ignore", "ignore", "ignore"] }).status === 0;
}

/** Installs what is missing by apt-get, or throws one sentence that says what to install. */
export function ensurePrograms(needs: readonly Need[], now: (text: string) => void): void {
  const missing = needs.filter((need) => !found(need));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((need) => need.package))];
  const prefix = found({ program: "apt-get", package: "apt" }) ? asRoot() : undefined;
  if (prefix !== undefined) {
    now(`installing ${packages.join(" ")}`);
    apt(prefix, ["update", "-qq"]);
    apt(prefix, ["install", "-y", "-qq", "--no-install-recommends", ...packages]);
    if (missing.every(found)) return;
  }
  const names = missing.map((need) => need.program).join(", ");
  throw new Error(`${names} not found: install it with: sudo apt-get install ${packages.join(" ")}`);
}
