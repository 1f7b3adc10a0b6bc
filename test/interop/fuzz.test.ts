/** A short run of every fuzz target, so that none of them rots; `make fuzz` is the long one. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { startSsh2 } from "@teleport-access/ssh";

import { fuzz } from "../fuzz/engine.ts";
import { seedOfRun } from "../fuzz/random.ts";
import { TARGETS } from "../fuzz/targets.ts";

describe("fuzzing", { concurrency: false }, () => {
  const seed = seedOfRun();
  before(async () => {
    await startSsh2();
  });
  for (const target of TARGETS) {
    it(`${target.name} takes its kept seeds and a thousand changed ones`, async (t) => {
      const { executions, seconds, finding } = await fuzz(target, { seed, executions: 1000, seconds: 3 });
      t.diagnostic(`SEED=${seed}: ${executions} executions in ${seconds.toFixed(1)} s`);
      assert.equal(finding, undefined, `SEED=${seed}`);
    });
  }
});
