import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

/** What a program prints that logs `lines` lines a turn for a few turns, and then ends in this way. */
function printed(
  lines: number,
  ending: string,
): { readonly numbers: readonly number[]; readonly status: number | null } {
  const program = `
    import { createLogger } from "${import.meta.resolve("./log.ts")}";
    const log = createLogger({ program: "test" });
    let n = 0;
    function turn(left) {
      for (let i = 0; i < ${lines}; i += 1) log.info("line", { n: n++ });
      if (left > 0) setImmediate(turn, left - 1);
      else { ${ending} }
    }
    turn(4);`;
  const args = ["--conditions=source", "--input-type=module", "--eval", program];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const texts = stdout.split("\n").filter(Boolean);
  return { numbers: texts.map((text) => (JSON.parse(text) as { n: number }).n), status };
}

for (const [how, ending, want] of [
  ["by itself", "", 0],
  ["by process.exit", "process.exit(3);", 3],
  ["by an error", 'throw new Error("defect");', 1],
] as const) {
  test(`standardOutput prints every line once when the process ends ${how}`, () => {
    for (const lines of [1, 500]) {
      const { numbers, status } = printed(lines, ending);
      assert.equal(status, want);
      // At an exit that nothing waits for, what was on its way may come behind what was held.
      const got = want === 0 ? numbers : numbers.toSorted((a, b) => a - b);
      const all = Array.from({ length: 5 * lines }, (_, n) => n);
      assert.deepEqual(got, all);
    }
  });
}
