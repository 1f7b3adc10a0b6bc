/**
 * The benchmarks.
 *
 *   node --conditions=source bench/main.ts [name...]     e.g. b1 b3; all of them without a name
 *
 * QUICK=1: small numbers, to see that they run. PATHS=ours,p1: B1 and B2 over these only.
 * CONGESTION=reno: that congestion control on the loopback instead of the machine's.
 * What each measures and how: README.md.
 */
import { BENCHMARKS } from "./benchmarks.ts";
import { ROOT } from "../hack/bundle.ts";
import { enterSandbox, insideSandbox, prepareSandbox, sandboxProblem } from "./lab/sandbox.ts";
import { buildProduct } from "./lab/product.ts";
import { openSshPair } from "./lab/setting.ts";
import type { RunOptions } from "./lab/setting.ts";
import { collectFacts } from "./measure/facts.ts";
import type { Facts } from "./measure/facts.ts";
import { formatTable, keepRaw } from "./measure/report.ts";
import type { Report } from "./measure/report.ts";
import { buildGoRelay } from "./peers/go-relay.ts";

function chosen(names: readonly string[]): string[] {
  const known = Object.keys(BENCHMARKS);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`bench: no benchmark "${unknown}": use ${known.join(", ")}`);
  return names.length === 0 ? known : [...names];
}

/** Outside: whatever needs the network or takes long, then the same again inside. */
async function prepare(): Promise<number> {
  const problem = sandboxProblem();
  if (problem !== undefined) throw new Error(`bench: ${problem}`);
  openSshPair();
  const goProblem = buildGoRelay();
  if (goProblem !== undefined) console.log(`bench: ${goProblem}`);
  await buildProduct();
  return await enterSandbox();
}

/** Every part has a deadline of its own; this one is for the defect that nobody thought of. */
const LONGEST_RUN_MS = 90 * 60_000;

async function measure(names: readonly string[], options: RunOptions): Promise<void> {
  prepareSandbox();
  setTimeout(() => {
    console.error("bench: not done after 90 minutes: given up");
    process.exit(1);
  }, LONGEST_RUN_MS).unref();
  const facts = collectFacts();
  for (const [name, value] of Object.entries(facts)) console.log(`${name.padEnd(14)} ${value}`);
  for (const name of names) {
    const benchmark = BENCHMARKS[name];
    if (benchmark === undefined) continue;
    const from = performance.now();
    const report = await benchmark(options);
    show(name, report, { facts, options, seconds: (performance.now() - from) / 1000 });
  }
}

interface Context {
  readonly facts: Facts;
  readonly options: RunOptions;
  readonly seconds: number;
}

function show(name: string, { title, rows, notes, raw }: Report, context: Context): void {
  const { facts, options, seconds } = context;
  console.log(
    `\n${title}${options.quick ? " (quick: too few samples to judge by)" : ""}, ${seconds.toFixed(0)} s`,
  );
  console.log(formatTable(rows));
  for (const note of notes) console.log(`  ${note}`);
  const file = keepRaw(ROOT, name, { title, facts, options, rows, notes, raw });
  console.log(`  samples: ${file.slice(ROOT.length + 1)}`);
}

try {
  const names = chosen(process.argv.slice(2));
  const quick = (process.env["QUICK"] ?? "") !== "";
  const paths = process.env["PATHS"]?.split(",");
  if (insideSandbox()) await measure(names, { quick, ...(paths === undefined ? {} : { paths }) });
  else process.exitCode = await prepare();
} catch (error) {
  const expected = error instanceof Error && error.message.startsWith("bench: ");
  console.error(expected ? error.message : error);
  if (error instanceof Error && error.cause !== undefined) console.error(error.cause);
  process.exitCode = 1;
}
// Parts of a setting that broke half-way must not keep it running; the sandbox ends them.
if (insideSandbox()) process.exit();
