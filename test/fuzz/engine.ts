/**
 * A mutational fuzzer: known inputs (test/fuzz/seeds) are changed at random and
 * given to a target, which throws when something is wrong. Its inputs are a
 * function of the seed. An input that is wrong, or that takes more than 50 ms of CPU, is written beside the seeds.
 *
 * Not guided by coverage: jazzer.js 4, the one that is well kept, ships a library for glibc 2.38, and Debian 12 has 2.36.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

/** What is fuzzed. `run` throws for a finding; errors of the product's own are no finding, and are caught inside. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs as they should be; they are kept in the folder of seeds as well. */
  seeds(): readonly Buffer[];
  /**
   * Returns how many executions it was, for targets that take several inputs in one. `random` follows from
   * the input alone, so that a kept input shows the same again. @default 1
   */
  run(input: Buffer, random: Random): number | undefined | Promise<number | undefined>;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly executions: number;
  readonly seconds: number;
}

export interface FuzzResult {
  readonly executions: number;
  readonly seconds: number;
  readonly finding?: Finding;
}

export interface Finding {
  readonly why: string;
  readonly input: Buffer;
  readonly file: string;
}

/** A parser that needs longer can be made to stop everybody else. */
const MAX_CPU_MS = 50;
const SEEDS = path.join(import.meta.dirname, "seeds");

/** The kept inputs of a target, hexadecimal so that they can be read in a diff. */
export function keptSeeds(target: FuzzTarget): Buffer[] {
  const folder = path.join(SEEDS, target.name);
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(folder).filter((file) => file.endsWith(".hex"));
  return files.map((file) =>
    Buffer.from(readFileSync(path.join(folder, file), "utf8").replace(/\s/g, ""), "hex"),
  );
}

/** Writes an input beside the seeds, and returns its path. */
export function keepSeed(target: FuzzTarget, input: Buffer, kind: string): string {
  const digest = createHash("sha256").update(input).digest("hex").slice(0, 12);
  const file = path.join(SEEDS, target.name, `${kind}-${digest}.hex`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, input.toString("hex").replace(/.{1,100}/g, "$&\n"));
  return path.relative(process.cwd(), file);
}

/** Runs the kept seeds first, then changed ones, until one of the bounds is met or something is found. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const random = new Random(options.seed);
  const corpus = [...target.seeds(), ...keptSeeds(target)];
  const from = performance.now();
  const left = [...corpus];
  let executions = 0;
  while (executions < options.executions && performance.now() - from < options.seconds * 1000) {
    const input = left.shift() ?? mutate(corpus, random);
    const done = await execute(target, input);
    if (typeof done !== "number")
      return { executions, seconds: (performance.now() - from) / 1000, finding: done };
    executions += done;
  }
  return { executions, seconds: (performance.now() - from) / 1000 };
}

let running: { readonly target: FuzzTarget; readonly input: Buffer } | undefined;

/** For an exception that nobody caught: keeps the input that is being run, and returns its file. */
export function keepRunning(): string | undefined {
  return running === undefined ? undefined : keepSeed(running.target, running.input, "finding");
}

async function execute(target: FuzzTarget, input: Buffer): Promise<number | Finding> {
  running = { target, input };
  const first = await attempt(target, input);
  if (first.why === undefined) return first.executions;
  // A garbage collection or a compilation may fall into one run, not into three.
  const again = first.slow ? [await attempt(target, input), await attempt(target, input)] : [];
  if (again.some(({ why }) => why === undefined)) return first.executions;
  return { why: first.why, input, file: keepSeed(target, input, "finding") };
}

interface Attempt {
  readonly executions: number;
  readonly why?: string;
  readonly slow?: boolean;
}

async function attempt(target: FuzzTarget, input: Buffer): Promise<Attempt> {
  const random = new Random(createHash("sha256").update(input).digest().readUInt32BE(0));
  const before = process.threadCpuUsage();
  try {
    const executions = (await target.run(input, random)) ?? 1;
    const { user, system } = process.threadCpuUsage(before);
    const ms = (user + system) / 1000;
    // CPU, not time: another program on the machine is no finding.
    if (ms <= MAX_CPU_MS * executions) return { executions };
    return { executions, slow: true, why: `took ${ms.toFixed(0)} ms of CPU` };
  } catch (error) {
    return { executions: 1, why: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
