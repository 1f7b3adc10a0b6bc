/**
 * Chaos: real programs struck by kill -9, SIGSTOP, resets and a network that drops everything, in the middle of
 * transfers. The others recover, people read why they were cut off, and nothing is left behind.
 *
 *   node --conditions=source test/chaos/main.ts [--rounds 3] [--seed 1] [--only reset]
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { Random } from "../fuzz/random.ts";
import { Estate } from "./estate.ts";
import { faultsNamed } from "./faults.ts";
import type { Fault } from "./faults.ts";
import { compareHoldings } from "./leaks.ts";
import { runFault } from "./round.ts";
import type { Outcome } from "./round.ts";

const MIB = 1024 * 1024;

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(random.int(left.length), 1));
  return order;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "" : `${(ms / 1000).toFixed(1)} s`;
}

function printRow(cells: readonly string[]): void {
  const widths = [5, 20, 8, 6, 8, 12, 8];
  console.log(
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function printOutcome(round: number, outcome: Outcome): void {
  const { fault, noticedMs, ended, wentOn, newSessionMs, settledMs, words, problems } = outcome;
  printRow([
    String(round),
    fault,
    seconds(noticedMs),
    String(ended),
    String(wentOn),
    seconds(newSessionMs),
    seconds(settledMs),
    words.slice(0, 110),
  ]);
  for (const problem of problems) console.log(`       PROBLEM: ${problem}`);
}

async function strike(estate: Estate, fault: Fault, random: Random, round: number): Promise<string[]> {
  const outcome = await runFault(estate, fault, MIB + random.int(8 * MIB));
  printOutcome(round, outcome);
  return outcome.problems.map((problem) => `${fault.name}: ${problem}`);
}

async function run(rounds: number, seed: number, faults: readonly Fault[]): Promise<string[]> {
  const random = new Random(seed);
  const estate = new Estate();
  const problems: string[] = [];
  try {
    await estate.start();
    printRow(["round", "fault", "noticed", "ended", "went on", "new session", "settled", "the person read"]);
    // Code is compiled and buffers are pooled on first use: what is there after one of each is the start.
    for (const fault of shuffled(faults, random)) problems.push(...(await strike(estate, fault, random, 0)));
    const before = await estate.held();
    for (let round = 1; round <= rounds; round += 1) {
      for (const fault of shuffled(faults, random)) {
        problems.push(...(await strike(estate, fault, random, round)));
      }
    }
    problems.push(...compareHoldings(before, await estate.held(), console.log));
  } catch (error) {
    for (const program of estate.programs())
      console.log(`--- ${program.name}\n${program.log().slice(-3_000)}`);
    throw error;
  } finally {
    await estate.stop();
  }
  return problems;
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "2" },
    seed: { type: "string", default: String(randomInt(1_000_000)) },
    only: { type: "string", default: "" },
  },
});
const from = performance.now();
console.log(`chaos: seed ${values.seed}, ${values.rounds} rounds after one to warm up`);
const problems = await run(Number(values.rounds), Number(values.seed), faultsNamed(values.only));
console.log(`chaos: ${seconds(performance.now() - from)}, ${problems.length} problems`);
for (const problem of problems) console.log(`  ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
