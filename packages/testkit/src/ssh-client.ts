/**
 * The stock OpenSSH client with a generated ssh_config: commands, a shell on a
 * pty, copies both ways, and a session that is held open to see when it ends.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holdCommand, runCommand, type CommandResult, type RunningCommand } from "./command.ts";

export interface SshClient {
  readonly configPath: string;
  /** `ssh destination command`. */
  run(destination: string, command: string, extra?: readonly string[]): Promise<CommandResult>;
  /** `ssh -tt destination`, typed into line by line; resolves with everything the terminal showed. */
  typeInto(destination: string, lines: readonly string[]): Promise<CommandResult>;
  /** Copies a random file there and back by scp and by sftp; throws unless the bytes are the same. */
  copyBothWays(program: "scp" | "sftp", destination: string): Promise<number>;
  /** A session that prints a line every 10 ms until it is cut; resolves once the first line is here. */
  holdStream(destination: string): Promise<RunningCommand>;
}

/** Nothing asks at a terminal, nothing waits for ever, nothing of the user's own ssh is read. */
const OPTIONS = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"];

/** bash waits on a pipe that stays empty: a steady rhythm without a process a line. */
const TICKER = "exec 3<> <(:); while :; do read -r -t 0.01 -u 3; echo tick || exit; done";

async function copy(
  program: "scp" | "sftp",
  args: readonly string[],
  from: string,
  to: string,
): Promise<CommandResult> {
  if (program === "scp") return await runCommand("scp", ["-q", ...args, from, to]);
  const remoteFrom = from.includes(":");
  const [destination = "", path = ""] = (remoteFrom ? from : to).split(":");
  const batch = remoteFrom ? `get ${path} ${to}\n` : `put ${from} ${path}\n`;
  return await runCommand("sftp", ["-q", ...args, "-b", "-", destination], { input: batch });
}

/** A client that knows one ssh_config file only. */
export function createSshClient(configPath: string): SshClient {
  const base = ["-F", configPath, ...OPTIONS];
  return {
    configPath,
    run: (destination, command, extra = []) =>
      runCommand("ssh", [...base, ...extra, destination, command], { timeoutMs: 30_000 }),
    typeInto: (destination, lines) =>
      runCommand("ssh", [...base, "-tt", destination], {
        input: `${lines.join("\n")}\n`,
        timeoutMs: 30_000,
      }),
    async copyBothWays(program, destination) {
      const folder = await mkdtemp(join(tmpdir(), "teleport-access-copy-"));
      const content = randomBytes(256 * 1024);
      const remote = `${destination}:/tmp/copy-${randomBytes(6).toString("hex")}`;
      try {
        await writeFile(join(folder, "there"), content);
        for (const [from, to] of [
          [join(folder, "there"), remote],
          [remote, join(folder, "back")],
        ] as const) {
          const { code, stderr } = await copy(program, base, from, to);
          if (code !== 0) throw new Error(`${program} failed with ${code}: ${stderr.trim()}`);
        }
        if (!content.equals(await readFile(join(folder, "back"))))
          throw new Error(`${program} changed the bytes`);
        return content.length;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    async holdStream(destination) {
      const session = holdCommand("ssh", [...base, destination, TICKER]);
      try {
        await session.waitFor(/tick/, 20_000);
      } catch (error) {
        await session.stop();
        throw error;
      }
      return session;
    },
  };
}
