/**
 * Puts the bug behind each advisory back and expects its test to notice (mutants.ts).
 *
 *   node --conditions=source test/advisories/run-mutants.ts [advisory...]
 *
 * It works in copies of the tree: the checkout is only read. A mutant that survives, or an advisory
 * that fails without one, is exit code 1.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { MUTANTS } from "./mutants.ts";
import type { Mutant } from "./mutants.ts";

const ROOT = path.join(import.meta.dirname, "../..");
/** A mutant may loop for ever: that is noticed, too. */
const TIMEOUT_MS = 30_000;

/** The files of the checkout as they are, with the packages of its own and everybody else's borrowed. */
function copyTree(into: string): void {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const wanted = /^(packages|proxy|cluster-agent|keyhelper|test\/advisories)\/|^package\.json$/;
  for (const file of list.split("\0").filter((name) => wanted.test(name))) {
    if (lstatSync(path.join(ROOT, file), { throwIfNoEntry: false }) === undefined) continue;
    cpSync(path.join(ROOT, file), path.join(into, file));
  }
  const modules = path.join(into, "node_modules");
  mkdirSync(path.join(modules, "@teleport-access"), { recursive: true });
  for (const name of readdirSync(path.join(ROOT, "node_modules"))) {
    if (name !== "@teleport-access")
      symlinkSync(path.join(ROOT, "node_modules", name), path.join(modules, name));
  }
  for (const folder of [
    ...readdirSync(path.join(into, "packages")).map((name) => `packages/${name}`),
    "proxy",
  ])
    symlinkSync(path.join(into, folder), path.join(modules, "@teleport-access", path.basename(folder)));
}

/** Runs one advisory's test in a tree; whether it passed. */
function runTest(tree: string, advisory: string): Promise<boolean> {
  return new Promise((resolve) => {
    // One process: the runner's own would outlive it, and one that loops for ever is deaf to anything else.
    const args = [
      "--conditions=source",
      "--test",
      "--test-isolation=none",
      `--test-timeout=${TIMEOUT_MS / 2}`,
    ];
    const child = spawn(process.execPath, [...args, `test/advisories/${advisory}.test.ts`], {
      cwd: tree,
      stdio: "ignore",
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    child.on("close", (code) => {
      resolve(code === 0);
    });
  });
}

/** With the mutant in place the test fails: it was killed. */
async function kills(tree: string, { advisory, file, find, replace }: Mutant): Promise<boolean> {
  const target = path.join(tree, file);
  const text = readFileSync(target, "utf8");
  if (text.split(find).length !== 2) throw new Error(`${file}: ${JSON.stringify(find)} is not there once`);
  // A function as the replacement: `$` in it means itself.
  writeFileSync(
    target,
    text.replace(find, () => replace),
  );
  try {
    return !(await runTest(tree, advisory));
  } finally {
    writeFileSync(target, text);
  }
}

/** Takes work off the list until it is empty; returns what was wrong. */
async function work(tree: string, list: Mutant[], healthy: Map<string, boolean>): Promise<string[]> {
  const wrong: string[] = [];
  for (let mutant = list.shift(); mutant !== undefined; mutant = list.shift()) {
    const { advisory, file } = mutant;
    if (!healthy.has(advisory)) healthy.set(advisory, await runTest(tree, advisory));
    const state =
      healthy.get(advisory) !== true ? "FAILS ANYWAY" : (await kills(tree, mutant)) ? "killed" : "SURVIVED";
    console.log(`${advisory.padEnd(24)} ${state.padEnd(13)} ${file}`);
    if (state !== "killed") wrong.push(advisory);
  }
  return wrong;
}

const asked = process.argv.slice(2);
const list = MUTANTS.filter(({ advisory }) => asked.length === 0 || asked.includes(advisory));
const healthy = new Map<string, boolean>();
const started = performance.now();
const folder = mkdtempSync(path.join(tmpdir(), "teleport-mutants-"));
try {
  const trees = Array.from({ length: Math.min(availableParallelism(), list.length) }, (_, i) =>
    path.join(folder, String(i)),
  );
  for (const tree of trees) copyTree(tree);
  const count = list.length;
  const wrong = (await Promise.all(trees.map((tree) => work(tree, list, healthy)))).flat();
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${count - wrong.length} of ${count} mutants killed in ${seconds} s`);
  if (wrong.length > 0 || count === 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
