/**
 * Fuzzes the parsers and connections of the product.
 *
 *   node --conditions=source test/fuzz/main.ts [--target NAME]… [--executions 1000000] [--seconds 600] [--seed N]
 *
 * Ends with 1 at the first finding of a target, whose input is then a file of test/fuzz/seeds: keep it,
 * mend the code, and run again. `make fuzz` runs this, and then the differential tests at length.
 */
import { parseArgs } from "node:util";

import { startSsh2 } from "@teleport-access/ssh";

import { fuzz, keepRunning, keepSeed, keptSeeds } from "./engine.ts";
import { seedOfRun } from "./random.ts";
import { TARGETS } from "./targets.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true },
    executions: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "600" },
    seed: { type: "string" },
    /** Writes the targets' own inputs as files, for a target that has none yet. */
    keep: { type: "boolean", default: false },
  },
});
const seed = values.seed === undefined ? seedOfRun() : Number(values.seed);
const chosen = values.target ?? TARGETS.map(({ name }) => name);

const unknown = chosen.filter((name) => TARGETS.every((target) => target.name !== name));
if (unknown.length > 0) {
  console.error(
    `fuzz: no target ${unknown.join(", ")}; there are ${TARGETS.map(({ name }) => name).join(", ")}`,
  );
  process.exit(2);
}

// What leaves every handler would end a program of ours: the worst there is to find.
process.on("uncaughtException", (error) => {
  console.error(`fuzz: nobody caught ${error.stack ?? error.message}`);
  console.error(`fuzz: the input is in ${keepRunning() ?? "no file: nothing was running"}`);
  process.exit(1);
});

await startSsh2();
for (const target of TARGETS.filter(({ name }) => chosen.includes(name))) {
  if (values.keep && keptSeeds(target).length === 0)
    for (const input of target.seeds().slice(0, 6)) keepSeed(target, input, "seed");
  const options = { seed, executions: Number(values.executions), seconds: Number(values.seconds) };
  const { executions, seconds, finding } = await fuzz(target, options);
  const rate = Math.round(executions / seconds);
  console.log(
    `fuzz: ${target.name.padEnd(18)} ${executions} executions in ${seconds.toFixed(1)} s, ${rate}/s, seed ${seed}`,
  );
  if (finding === undefined) continue;
  console.error(`fuzz: ${target.name}: ${finding.why}\nfuzz: the input is in ${finding.file}`);
  process.exitCode = 1;
}
// Timers of connections that were left in the middle keep nobody waiting.
process.exit();
