/** The matrix as text: lines that are printed as it runs, and the same as Markdown. Pure. */
import type { Verdict } from "./cell.ts";
import type { Form } from "./client.ts";

export interface Column {
  readonly id: string;
  readonly name: string;
}

export interface Row {
  readonly id: string;
  readonly name: string;
}

export interface Outcome {
  readonly form: Form;
  readonly row: Row;
  readonly column: Column;
  readonly result: Verdict;
}

export const FORM_TITLES: Readonly<Record<Form, string>> = {
  direct: "direct (the reference, without us)",
  jump: "jump form: ssh -J",
  forward: "forward form: ssh -A login@target@proxy",
};

const NAME_WIDTH = 30;
const MIN_CELL_WIDTH = 12;

/** Numbers the reasons in the order in which they are first given. */
export class Notes {
  readonly #reasons: string[] = [];

  number(reason: string): number {
    const known = this.#reasons.indexOf(reason);
    return known >= 0 ? known + 1 : this.#reasons.push(reason);
  }

  list(): readonly string[] {
    return this.#reasons.map((reason, index) => `${index + 1}. ${reason}`);
  }
}

function width({ name }: Column): number {
  return Math.max(MIN_CELL_WIDTH, name.length + 2);
}

export function headLine(form: Form, columns: readonly Column[]): string {
  const names = columns.map((column) => column.name.padStart(width(column))).join("");
  return `\n${FORM_TITLES[form]}\n${"".padEnd(NAME_WIDTH)}${names}`;
}

/** One row, once all its cells are known. */
export function rowLine(
  row: Row,
  columns: readonly Column[],
  outcomes: readonly Outcome[],
  notes: Notes,
): string {
  const cells = columns.map((column) => {
    const outcome = outcomes.find((one) => one.column.id === column.id);
    return (outcome === undefined ? "" : cellText(outcome.result, notes)).padStart(width(column));
  });
  return `${row.name.padEnd(NAME_WIDTH)}${cells.join("")}`;
}

function cellText(result: Verdict, notes: Notes): string {
  switch (result.verdict) {
    case "works":
      return `✓ ${Math.round(result.ms)} ms`;
    case "fails":
      return `✗ ${Math.round(result.ms)} ms`;
    case "not-applicable":
      return `n/a (${notes.number(result.reason)})`;
  }
}

export function summaryLine(outcomes: readonly Outcome[], ms: number): string {
  function count(verdict: Verdict["verdict"]): number {
    return outcomes.filter(({ result }) => result.verdict === verdict).length;
  }
  return (
    `${outcomes.length} cells in ${(ms / 1000).toFixed(1)} s: ${count("works")} work, ` +
    `${count("not-applicable")} not applicable, ${count("fails")} fail`
  );
}

/** The tables of a run, without its times: what docs/interop.md holds. */
export function markdown(outcomes: readonly Outcome[]): string {
  const notes = new Notes();
  const columns = distinct(outcomes.map(({ column }) => column));
  const parts = distinct(outcomes.map(({ form }) => ({ id: form }))).map(({ id: form }) => {
    const inForm = outcomes.filter((one) => one.form === form);
    const lines = distinct(inForm.map(({ row }) => row)).map((row) => {
      const cells = columns.map((column) => {
        const outcome = inForm.find((one) => one.row.id === row.id && one.column.id === column.id);
        return outcome === undefined ? "" : markdownCell(outcome.result, notes);
      });
      return tableLine([row.name, ...cells]);
    });
    const head = [
      tableLine(["", ...columns.map(({ name }) => name)]),
      tableLine(["", ...columns].map(() => "---")),
    ];
    return [`### ${FORM_TITLES[form]}`, "", ...head, ...lines, ""].join("\n");
  });
  return [...parts, "Not applicable, because:", "", ...notes.list(), ""].join("\n");
}

function markdownCell(result: Verdict, notes: Notes): string {
  if (result.verdict === "not-applicable") return `n/a (${notes.number(result.reason)})`;
  return result.verdict === "works" ? "✓" : "✗";
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function distinct<T extends { readonly id: string }>(all: readonly T[]): readonly T[] {
  return all.filter((one, index) => all.findIndex(({ id }) => id === one.id) === index);
}
