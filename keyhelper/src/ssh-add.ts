/**
 * The stock `ssh-add`, for what only it may do: it alone reads the person's
 * private key. Whatever the agent is, ssh-add speaks to it; what it says is taken
 * for what the agent says.
 *
 * Nobody is ever asked anything: there is no terminal, no window, and an end to
 * its patience. What goes wrong is an SshAddError with one clause for people.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Clock } from "@teleport-access/daemon";
import { systemReason } from "./errors.ts";

/** What ssh-add can do for us. Each rejects with SshAddError. */
export interface SshAdd {
  /** One line for each key and certificate that the agent holds, as in a `.pub` file. */
  list(): Promise<readonly string[]>;
  /** Adds the certificate beside `keyPath` for so many seconds; whether it did is for `list` to say. */
  add(keyPath: string, seconds: number): Promise<void>;
  /** Removes what these lines name. */
  remove(lines: readonly string[]): Promise<void>;
}

/** What went wrong, as a clause: "the key has a passphrase". */
export class SshAddError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SshAddError";
  }
}

/** What it runs with. */
export interface SshAddOptions {
  /** Of our own process; has SSH_AUTH_SOCK. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Ends what is running. */
  readonly signal: AbortSignal;
}

/** A local socket answers in milliseconds; an agent that asks a person first is not ours to wait for. */
const PATIENCE_MS = 10_000;
/** An agent's answer has 256 KiB at most; in base64, and with comments. */
const MAX_OUTPUT_BYTES: number = 1024 * 1024;
/** With no agent to be had, ssh-add ends with 2; with 1 when an agent holds nothing or refuses. */
const NO_AGENT = 2;
/** With these it would ask somebody for a passphrase. */
const ASKING: readonly string[] = ["DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS"];

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** ssh-add as it is found on the PATH. */
export function createSshAdd(options: SshAddOptions): SshAdd {
  return {
    list: async () => {
      const { code, stdout, stderr } = await run(["-L"], options);
      if (code === 0) return stdout.split("\n").filter((line) => line !== "");
      // An empty list is said on stdout, and is no trouble.
      if (code !== NO_AGENT && stderr.trim() === "") return [];
      throw new SshAddError(clauseOf(stderr));
    },
    add: async (keyPath, seconds) => {
      const lifetime = ["-q", "-t", String(seconds), keyPath];
      // -C leaves the plain key as it is. OpenSSH 9.2 does not know it yet: there the plain key goes along.
      let done = await run(["-C", ...lifetime], options);
      if (done.stderr.includes("usage: ssh-add")) done = await run(lifetime, options);
      // The exit status says little: with -C it is 1 even when all went well (OpenSSH 10).
      if (done.code !== 0 && done.stderr.trim() !== "") throw new SshAddError(clauseOf(done.stderr));
    },
    remove: async (lines) => {
      const { code, stderr } = await run(["-q", "-d", "-"], options, `${lines.join("\n")}\n`);
      if (code !== 0) throw new SshAddError(clauseOf(stderr));
    },
  };
}

/** The last thing that it said: what came before is usually about what it tried first. */
function clauseOf(stderr: string): string {
  if (/passphrase/i.test(stderr)) return "the key has a passphrase";
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return last === "" ? "ssh-add does not say why" : `ssh-add says "${last.slice(0, 200).trim()}"`;
}

function run(args: readonly string[], options: SshAddOptions, input = ""): Promise<Finished> {
  const { environment, clock, signal } = options;
  return new Promise((resolve, reject) => {
    const kept = Object.entries(environment).filter(([name]) => !ASKING.includes(name));
    const child = spawn("ssh-add", args, {
      env: { ...Object.fromEntries(kept), SSH_ASKPASS_REQUIRE: "never" },
      // A session of its own has no terminal to ask at.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      signal,
      killSignal: "SIGKILL",
    });
    const patience = clock.setTimer(PATIENCE_MS, () => {
      child.kill("SIGKILL");
      fail(new SshAddError(`the agent did not answer within ${PATIENCE_MS / 1000} s`));
    });
    function fail(error: SshAddError): void {
      patience.cancel();
      reject(error);
    }
    const stdout = collect(child, "stdout");
    const stderr = collect(child, "stderr");
    child.on("error", (cause) => {
      fail(new SshAddError(`cannot run ssh-add: ${systemReason(cause)}`, { cause }));
    });
    child.on("close", (code) => {
      patience.cancel();
      resolve({ code, stdout: stdout(), stderr: stderr() });
    });
    // It may be gone before it has read anything.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** What a stream of `child` says, as far as it is of interest. */
function collect(child: ChildProcess, name: "stdout" | "stderr"): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  child[name]?.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_OUTPUT_BYTES) child.kill("SIGKILL");
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
