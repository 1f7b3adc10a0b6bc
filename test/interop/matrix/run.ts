/**
 * Runs the matrix: every feature with every client over every form, a few cells at
 * a time, and prints each row as soon as it is complete.
 *
 * What does not work directly cannot be asked of us: a cell that fails is tried
 * without us too, and only what works there is our failure.
 */
import { Cell, judge } from "./cell.ts";
import type { Feature, Verdict } from "./cell.ts";
import type { Form, MatrixClient, MissingClient } from "./client.ts";
import { headLine, Notes, rowLine, summaryLine } from "./table.ts";
import type { Outcome } from "./table.ts";
import type { MatrixWorld } from "./world.ts";

/** Two cores here, and a cell waits for the network half of its time. */
const CELLS_AT_ONCE = 4;

export interface MatrixOptions {
  readonly world: MatrixWorld;
  readonly clients: readonly (MatrixClient | MissingClient)[];
  readonly features: readonly Feature[];
  readonly forms: readonly Form[];
  /** Leaves cells out. @default none */
  readonly leavesOut?: (feature: Feature, client: MatrixClient | MissingClient) => boolean;
  readonly say: (line: string) => void;
}

/** Prints the table while it runs, then the reasons, the failures with their transcripts, and a summary. */
export async function runMatrix(options: MatrixOptions): Promise<readonly Outcome[]> {
  const { clients, features, forms, say } = options;
  const from = performance.now();
  const notes = new Notes();
  const table = new Table(options);
  const outcomes: Outcome[] = [];
  for (const form of forms) {
    say(headLine(form, clients));
    const rows = features.filter((feature) => appliesTo(feature, form));
    const pending = rows.map((feature) =>
      Promise.all(
        clients
          .filter((client) => options.leavesOut?.(feature, client) !== true)
          .map((client) => table.cell(form, feature, client)),
      ),
    );
    for (const [index, feature] of rows.entries()) {
      const row = (await pending[index]) ?? [];
      outcomes.push(...row);
      say(rowLine(feature, clients, row, notes));
    }
  }
  say("");
  for (const note of notes.list()) say(note);
  for (const outcome of outcomes.filter(worthATranscript)) say(failureText(outcome));
  say(summaryLine(outcomes, performance.now() - from));
  return outcomes;
}

function appliesTo(feature: Feature, form: Form): boolean {
  return feature.forms?.includes(form) ?? true;
}

/** What fails; and what does not work without us, once. */
function worthATranscript(outcome: Outcome, index: number, all: readonly Outcome[]): boolean {
  if (!("transcript" in outcome.result)) return false;
  const same = all.findIndex(
    ({ row, column, result }) => row === outcome.row && column === outcome.column && "transcript" in result,
  );
  return outcome.result.verdict === "fails" || same === index;
}

function failureText({ form, row, column, result }: Outcome): string {
  const transcript = "transcript" in result ? `${result.reason}\n${result.transcript ?? ""}` : "";
  const mark = result.verdict === "fails" ? "✗" : "n/a";
  return `\n${mark} ${form}, ${row.name}, ${column.name}: ${transcript}\n`;
}

class Table {
  readonly #options: MatrixOptions;
  readonly #known = new Map<string, Promise<Verdict>>();
  #free = CELLS_AT_ONCE;
  readonly #waiting: (() => void)[] = [];

  constructor(options: MatrixOptions) {
    this.#options = options;
  }

  async cell(form: Form, feature: Feature, client: MatrixClient | MissingClient): Promise<Outcome> {
    const place = { form, row: feature, column: client };
    if ("missing" in client)
      return { ...place, result: { verdict: "not-applicable", reason: client.missing, ms: 0 } };
    const result = await this.#judged(form, feature, client);
    if (result.verdict !== "fails" || !appliesTo(feature, "direct")) return { ...place, result };
    const direct = form === "direct" ? result : await this.#judged("direct", feature, client);
    if (direct.verdict !== "fails" || direct.tooLate) return { ...place, result };
    const reason = `does not work without us either: ${direct.reason.split("\n")[0] ?? ""}`;
    return { ...place, result: { ...direct, verdict: "not-applicable", reason } };
  }

  #judged(form: Form, feature: Feature, client: MatrixClient): Promise<Verdict> {
    const key = [form, feature.id, client.id].join("-").replace(/[^\w.-]/g, "");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const verdict = this.#inTurn(() => judge(feature, new Cell(this.#options.world, client, form, key)));
    this.#known.set(key, verdict);
    return verdict;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
