/**
 * Other programs, run as a person at a shell would: to their end with their
 * output, or held open with their output watched as it comes. Nothing is given
 * to a shell.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";

export interface CommandOptions {
  readonly input?: string | Buffer;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** @default 60_000 */
  readonly timeoutMs?: number;
}

export interface CommandResult {
  /** 128 + signal when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

function exitCode(code: number | null): number {
  return code ?? 128;
}

/** Runs a program to its end, whatever its exit code. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const running = holdCommand(command, args, options);
  running.child.stdin?.end(options.input ?? "");
  const limit = options.timeoutMs ?? 60_000;
  const timer = setTimeout(() => running.child.kill("SIGKILL"), limit);
  const code = await running.exited;
  clearTimeout(timer);
  return { code, stdout: running.stdout(), stderr: running.stderr(), ms: running.age() };
}

/** Runs a program and gives its output; an exit code other than 0 is an exception that carries what it printed. */
export async function commandOutput(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, options);
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).slice(-2000);
  throw new Error(`"${command} ${args.slice(0, 6).join(" ")}" failed with ${code}: ${said}`);
}

/** A program that runs on. */
export interface RunningCommand {
  readonly child: ChildProcess;
  /** Everything printed so far. */
  stdout(): string;
  stderr(): string;
  /** performance.now() of the newest byte on stdout; undefined before the first. */
  lastOutputAt(): number | undefined;
  /** performance.now() of the end; undefined while it runs. */
  exitedAt(): number | undefined;
  /** Milliseconds since the start. */
  age(): number;
  /** Resolves with the exit code; never rejects. */
  readonly exited: Promise<number>;
  /** Resolves with the match once stdout (or stderr) matches. */
  waitFor(pattern: RegExp, deadlineMs: number): Promise<RegExpExecArray>;
  /** SIGTERM, then SIGKILL after two seconds. */
  stop(): Promise<void>;
}

/** Output of a held command, kept whole up to this many bytes, then only its end. */
const KEPT_BYTES = 4 << 20;

class Output extends EventEmitter<{ data: [] }> {
  text = "";
  lastAt: number | undefined;
  add(chunk: Buffer): void {
    this.lastAt = performance.now();
    this.text = (this.text + chunk.toString("utf8")).slice(-KEPT_BYTES);
    this.emit("data");
  }
}

function watchOutput(stream: NodeJS.ReadableStream | null, output: Output): void {
  stream?.on("data", (chunk: Buffer) => {
    output.add(chunk);
  });
}

/** Looks again at each chunk of output, until a match, the end of the program or the deadline. */
async function waitForOutput(
  pattern: RegExp,
  outputs: readonly Output[],
  deadlineMs: number,
  exited: Promise<number>,
): Promise<RegExpExecArray> {
  const found = await new Promise<RegExpExecArray | undefined>((resolve) => {
    function look(): void {
      const match = outputs.map((output) => pattern.exec(output.text)).find((m) => m !== null);
      if (match !== undefined) settle(match);
    }
    function settle(match: RegExpExecArray | undefined): void {
      clearTimeout(timer);
      for (const output of outputs) output.off("data", look);
      resolve(match);
    }
    const timer = setTimeout(settle, deadlineMs, undefined);
    for (const output of outputs) output.on("data", look);
    void exited.then(() => {
      settle(undefined);
    });
    look();
  });
  if (found !== undefined) return found;
  const said = outputs.map((output) => output.text.slice(-2000).trim()).join("\n");
  throw new Error(
    `no output matching ${String(pattern)} within ${deadlineMs / 1000} s; it printed:\n${said}`,
  );
}

/** Starts a program and leaves it running; its stdin stays open. */
export function holdCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): RunningCommand {
  const from = performance.now();
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stdout = new Output();
  const stderr = new Output();
  watchOutput(child.stdout, stdout);
  watchOutput(child.stderr, stderr);
  // A program that does not read its input closes it; that is its business.
  child.stdin.on("error", () => undefined);
  let endedAt: number | undefined;
  const exited = new Promise<number>((resolve) => {
    child.once("error", (error) => {
      stderr.add(Buffer.from(`cannot run ${command}: ${error.message}`));
      endedAt = performance.now();
      resolve(127);
    });
    child.once("exit", () => {
      endedAt = performance.now();
    });
    child.once("close", (code) => {
      resolve(exitCode(code));
    });
  });
  return {
    child,
    stdout: () => stdout.text,
    stderr: () => stderr.text,
    lastOutputAt: () => stdout.lastAt,
    exitedAt: () => endedAt,
    age: () => (endedAt ?? performance.now()) - from,
    exited,
    waitFor: (pattern, deadlineMs) => waitForOutput(pattern, [stdout, stderr], deadlineMs, exited),
    async stop() {
      if (endedAt === undefined) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
      await exited;
      clearTimeout(timer);
    },
  };
}
