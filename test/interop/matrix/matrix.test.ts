/**
 * The matrix in `make test`, with little data: the jump form, every row but the slow ones with OpenSSH, the basic ones
 * with every other client; and the forward form with the older OpenSSH. Nothing may fail, and docs/interop.md may say
 * nothing else than what comes out. `make matrix` runs all of it.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Form, MatrixClient, MissingClient } from "./client.ts";
import { allClients, FEATURES } from "./columns.ts";
import { documented } from "./document.ts";
import { runMatrix } from "./run.ts";
import type { Outcome } from "./table.ts";
import { startMatrixWorld } from "./world.ts";
import type { MatrixWorld } from "./world.ts";

const MEGABYTE = 1 << 20;

describe("the interop matrix", { concurrency: false }, () => {
  let world: MatrixWorld;
  let clients: readonly (MatrixClient | MissingClient)[];
  const outcomes: Outcome[] = [];
  before(async () => {
    world = await startMatrixWorld({ largeBytes: 4 * MEGABYTE });
    clients = allClients(world);
    outcomes.push(...(await run("jump", clients)), ...(await run("forward", clients.slice(0, 1))));
  });
  after(() => world.close());

  function run(form: Form, columns: typeof clients): Promise<readonly Outcome[]> {
    return runMatrix({
      ...{ world, clients: columns, forms: [form] },
      features: FEATURES.filter(({ slow }) => slow !== true),
      leavesOut: ({ basic }, { id }) => basic !== true && !id.startsWith("OpenSSH"),
      say: (line) => {
        console.log(line);
      },
    });
  }

  it("has no cell that works without us and not with us", () => {
    const failing = outcomes.filter(({ result }) => result.verdict === "fails");
    assert.deepEqual(
      failing.map(({ form, row, column }) => `${form}: ${row.name}, ${column.name}`),
      [],
    );
  });

  it("is what docs/interop.md says", () => {
    const different = outcomes.filter((outcome) => {
      const column = clients.findIndex(({ id }) => id === outcome.column.id);
      const client = clients[column];
      // A client that is not here says nothing about what it would do.
      if (client === undefined || "missing" in client) return false;
      return documented(outcome, column) !== outcome.result.verdict;
    });
    assert.deepEqual(
      different.map(
        ({ form, row, column, result }) => `${form}: ${row.name}, ${column.name}: ${result.verdict}`,
      ),
      [],
      "run: make matrix UPDATE=1",
    );
  });
});
