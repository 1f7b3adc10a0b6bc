/**
 * The whole matrix, printed as it runs.
 *
 *   node --conditions=source test/interop/matrix/main.ts
 *     FORM=jump CLIENT=putty,go ROW=sftp     some of it, by words
 *     LARGE=64                               megabytes of the large transfer
 *     UPDATE=1                               writes what came out into docs/interop.md
 */
import { allClients, FEATURES } from "./columns.ts";
import type { Form } from "./client.ts";
import { writeDocument } from "./document.ts";
import { runMatrix } from "./run.ts";
import { startMatrixWorld } from "./world.ts";

const FORMS: readonly Form[] = ["direct", "jump", "forward"];
const MEGABYTE = 1 << 20;

function narrowed<T>(all: readonly T[], words: string | undefined, textOf: (one: T) => string): readonly T[] {
  if (words === undefined || words === "") return all;
  const wanted = words.toLowerCase().split(",");
  return all.filter((one) => wanted.some((word) => textOf(one).toLowerCase().includes(word)));
}

const { env } = process;
const world = await startMatrixWorld({ largeBytes: Number(env["LARGE"] ?? 64) * MEGABYTE });
try {
  const outcomes = await runMatrix({
    world,
    clients: narrowed(allClients(world), env["CLIENT"], ({ id, name }) => `${id} ${name}`),
    features: narrowed(FEATURES, env["ROW"], ({ id }) => id),
    forms: narrowed(FORMS, env["FORM"], (form) => form),
    say: (line) => {
      console.log(line);
    },
  });
  if (env["UPDATE"] === "1") writeDocument(outcomes);
  if (outcomes.some(({ result }) => result.verdict === "fails")) process.exitCode = 1;
} finally {
  await world.close();
}
