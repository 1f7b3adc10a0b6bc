/** A short round of what `make chaos` does at length, for faults that are seen at once: 20 s. `make test` runs it alone. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Estate } from "./estate.ts";
import { faultsNamed } from "./faults.ts";
import { runFault } from "./round.ts";

const AFTER_BYTES = 2 * 1024 * 1024;

const estate = new Estate();
before(() => estate.start());
after(() => estate.stop());

for (const name of ["kill -9 proxy", "kill -9 agent", "reset tunnels"]) {
  test(`after "${name}" in the middle of transfers the others recover`, async (context) => {
    const [fault] = faultsNamed(name);
    assert.ok(fault);
    const outcome = await runFault(estate, fault, AFTER_BYTES);
    context.diagnostic(JSON.stringify(outcome));
    assert.deepEqual(outcome.problems, []);
  });
}
