/**
 * One cell: a client tries a feature over a route. Everything that it starts is
 * written down, for the transcript that a failure prints, and ended with it.
 */
import { startProgram } from "@teleport-access/testkit";
import type { FinishedProgram, RunningProgram } from "@teleport-access/testkit";
import { NotApplicable } from "./client.ts";
import type { Form, Invocation, MatrixClient, Operation, Route } from "./client.ts";
import type { RouteOptions } from "./routes.ts";
import type { MatrixWorld } from "./world.ts";

/** How long a cell may take, and everything that it starts. */
const CELL_TIMEOUT_MS = 180_000;
/** What a transcript shows of each output. */
const SHOWN_CHARACTERS = 2500;

export interface Feature {
  readonly id: string;
  /** For people, as the row's name. */
  readonly name: string;
  /** A reason why a form does not have this row's expectation: it has one of its own. @default all forms */
  readonly forms?: readonly Form[];
  /** In `make test` with every client; the other rows there with OpenSSH only. */
  readonly basic?: boolean;
  /** Only in the full matrix: too slow for every `make test`. */
  readonly slow?: boolean;
  /** Throws when the feature does not work, NotApplicable when it cannot. */
  try(cell: Cell): Promise<void>;
}

export type Verdict =
  | { readonly verdict: "works"; readonly ms: number }
  | {
      readonly verdict: "not-applicable";
      readonly reason: string;
      readonly ms: number;
      /** What was seen when it was tried without us. */
      readonly transcript?: string;
    }
  | {
      readonly verdict: "fails";
      readonly reason: string;
      readonly transcript: string;
      readonly ms: number;
      /** It says nothing about a client that it was slow on a busy machine. */
      readonly tooLate: boolean;
    };

class TooLate extends Error {}

/** A program that goes on while the cell does. */
export interface HeldProgram {
  /** Resolves once stdout or stderr has `text`; rejects when the program ends before. */
  shows(text: string): Promise<void>;
  /** Ends its stdin, and waits for its end. */
  finish(): Promise<FinishedProgram>;
}

export class Cell {
  readonly world: MatrixWorld;
  readonly client: MatrixClient;
  readonly form: Form;
  /** A folder of this cell's own, open to the target's accounts. */
  readonly scratch: string;
  readonly #transcript: string[] = [];
  readonly #started: RunningProgram[] = [];

  constructor(world: MatrixWorld, client: MatrixClient, form: Form, scratch: string) {
    this.world = world;
    this.client = client;
    this.form = form;
    this.scratch = world.scratch(scratch);
  }

  get transcript(): string {
    return this.#transcript.join("\n");
  }

  route(options: RouteOptions = {}): Promise<Route> {
    return this.world.route(this.form, this.scratch, { target: this.client.target, ...options });
  }

  /** Does one operation to its end. */
  async run(
    operation: Operation,
    options: { input?: string | Buffer; route?: Route } = {},
  ): Promise<FinishedProgram> {
    const route = options.route ?? (await this.route());
    return this.runInvocation(this.client.invoke(route, operation), options.input);
  }

  /** Runs a program that is not a client by itself. */
  async runInvocation(invocation: Invocation, input?: string | Buffer): Promise<FinishedProgram> {
    const { process, finished } = this.#start(invocation);
    process.stdin?.end(input ?? invocation.input ?? "");
    return finished;
  }

  /** Starts an operation that goes on. */
  async hold(operation: Operation, route?: Route): Promise<HeldProgram> {
    const invocation = this.client.invoke(route ?? (await this.route()), operation);
    const program = this.#start(invocation);
    const { finished } = program;
    let shown = "";
    const listeners = new Set<() => void>();
    for (const output of [program.process.stdout, program.process.stderr]) {
      output?.on("data", (chunk: Buffer) => {
        shown += chunk.toString();
        for (const listener of listeners) listener();
      });
    }
    return {
      shows(text) {
        return new Promise((resolve, reject) => {
          function look(): void {
            if (!shown.includes(text)) return;
            listeners.delete(look);
            resolve();
          }
          listeners.add(look);
          look();
          void finished.then(({ status }) => {
            reject(new Error(`ended with ${String(status)} before it printed "${text}"`));
          });
        });
      },
      finish() {
        program.process.stdin?.end();
        return finished;
      },
    };
  }

  /** Ends what is still running. */
  async close(): Promise<void> {
    for (const { process } of this.#started) process.kill("SIGTERM");
    await Promise.all(this.#started.map(({ finished }) => finished));
  }

  #start(invocation: Invocation): RunningProgram {
    const { command, args, env } = invocation;
    const program = startProgram(command, args, {
      timeoutMs: CELL_TIMEOUT_MS + 10_000,
      env: { HOME: this.scratch, ...env },
      cwd: this.scratch,
    });
    const started = { process: program.process, finished: this.#finished(invocation, program) };
    this.#started.push(started);
    return started;
  }

  async #finished({ command, args }: Invocation, program: RunningProgram): Promise<FinishedProgram> {
    const result = await program.finished;
    this.#transcript.push(
      `$ ${[command, ...args].map(quoted).join(" ")}`,
      shorten(result.stdout.toString("latin1")),
      shorten(result.stderr),
      `[exit ${String(result.status)}]`,
    );
    return result;
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`;
}

function shorten(text: string): string {
  const printable = text.replace(/[^\t\n\x20-\x7e]/g, "·").trimEnd();
  if (printable.length <= SHOWN_CHARACTERS) return printable;
  const half = SHOWN_CHARACTERS / 2;
  return `${printable.slice(0, half)}\n…\n${printable.slice(-half)}`;
}

/** Runs one cell; never rejects. */
export async function judge(feature: Feature, cell: Cell): Promise<Verdict> {
  const from = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, CELL_TIMEOUT_MS, new TooLate("not within its time"));
  });
  try {
    await Promise.race([feature.try(cell), late]);
    return { verdict: "works", ms: performance.now() - from };
  } catch (error) {
    const ms = performance.now() - from;
    const reason = error instanceof Error ? error.message : String(error);
    await cell.close();
    if (error instanceof NotApplicable) return { verdict: "not-applicable", reason, ms };
    return { verdict: "fails", reason, transcript: cell.transcript, ms, tooLate: error instanceof TooLate };
  } finally {
    clearTimeout(timer);
    await cell.close();
  }
}
