/** The list of mutants is true: each finds its text once, and each advisory has one. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { MUTANTS } from "./mutants.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const advisories = globSync("*.test.ts", { cwd: import.meta.dirname })
  .map((file) => file.replace(/\.test\.ts$/, ""))
  .filter((name) => name !== "mutants");

test("each mutant changes a text that occurs exactly once in its file", () => {
  for (const { advisory, file, find, replace } of MUTANTS) {
    const parts = readFileSync(path.join(ROOT, file), "utf8").split(find).length;
    assert.equal(parts, 2, `${advisory}: ${JSON.stringify(find)} occurs ${parts - 1} times in ${file}`);
    assert.notEqual(find, replace, advisory);
  }
});

test("each advisory has a mutant, and each mutant an advisory", () => {
  const named = new Set(MUTANTS.map(({ advisory }) => advisory));
  assert.deepEqual(advisories.toSorted(), [...named].toSorted());
});

test("README.md of the advisories names each of them", () => {
  const readme = readFileSync(path.join(import.meta.dirname, "README.md"), "utf8");
  for (const name of advisories) assert.ok(readme.includes(`${name}.test.ts`), name);
  for (const [, file = ""] of readme.matchAll(/`([\w./-]+\.test\.ts)`/g))
    assert.ok(
      existsSync(path.join(file.includes("/") ? ROOT : import.meta.dirname, file)),
      `${file} does not exist`,
    );
});
