/** One program under test as a process of its own: started from source, signalled, and asked what it holds. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import type { Holdings } from "./probe.ts";

const PROBE = join(import.meta.dirname, "probe.ts");
const KEPT_LOG = 64 * 1024;

/** What one process holds: of itself, and of the kernel. */
export interface Held extends Holdings {
  readonly sockets: number;
}

export class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #messages: ((message: Record<string, unknown>) => void)[] = [];
  #log = "";

  constructor(name: string, source: string, environment: Readonly<Record<string, string>>) {
    this.name = name;
    this.#child = spawn(process.execPath, ["--conditions=source", "--expose-gc", "--import", PROBE, source], {
      env: {
        PATH: process.env["PATH"],
        NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#log = (this.#log + chunk.toString()).slice(-KEPT_LOG);
      });
    }
    this.#child.on("message", (message) => {
      for (const take of this.#messages.splice(0)) take(message as Record<string, unknown>);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it has printed. */
  log(): string {
    return this.#log;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its next message; rejects when it ends instead. */
  async message<T>(): Promise<T> {
    const message = new Promise<T>((resolve) => {
      this.#messages.push((value) => {
        resolve(value as T);
      });
    });
    const ended = once(this.#child, "exit").then(() => {
      throw new Error(`${this.name} ended: ${this.#log.slice(-2_000)}`);
    });
    // Whichever comes second is nobody's business.
    ended.catch(() => undefined);
    return Promise.race([message, ended]);
  }

  async held(): Promise<Held> {
    const answer = this.message<{ readonly holdings: Holdings }>();
    this.#child.send("look");
    const { holdings } = await answer;
    return { ...holdings, sockets: socketsOf(this.pid) };
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.running) return;
    const exit = once(this.#child, "exit");
    this.#child.kill(signal);
    await exit;
  }
}

/** Sockets among the open files of a process. */
export function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:");
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}

/** A process and all that come from it, by /proc. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  function below(of: number): number[] {
    return [of, ...(children.get(of) ?? []).flatMap(below)];
  }
  return below(pid);
}

function parentOf(pid: string): number | undefined {
  try {
    // The name in parentheses may contain anything; what follows the last one may not.
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ")[1]);
  } catch {
    return undefined; // gone meanwhile
  }
}

/** Signals a whole tree, its root last, so that nobody is adopted by somebody else meanwhile. */
export function signalTree(pid: number, name: NodeJS.Signals): void {
  for (const one of treeOf(pid).reverse()) {
    try {
      process.kill(one, name);
    } catch {
      // gone meanwhile
    }
  }
}
