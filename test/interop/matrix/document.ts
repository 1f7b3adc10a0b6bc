/** docs/interop.md: its tables are the outcome of a run, and a test holds them to one. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FORM_TITLES, markdown } from "./table.ts";
import type { Outcome } from "./table.ts";

const DOCUMENT = fileURLToPath(new URL("../../../docs/interop.md", import.meta.url));
const BEGIN = "<!-- matrix: written by `make matrix UPDATE=1` -->";
const END = "<!-- end of matrix -->";

/** Puts a run's tables into the document. */
export function writeDocument(outcomes: readonly Outcome[]): void {
  const [before, , after] = parts();
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${markdown(outcomes)}\n${END}${after}`);
}

function parts(): readonly [string, string, string] {
  const text = readFileSync(DOCUMENT, "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${DOCUMENT} has lost the marks around its tables`);
  return [text.slice(0, from), text.slice(from + BEGIN.length, to), text.slice(to + END.length)];
}

/** What the document says about a cell, by the place of its column: "works", "not-applicable"; undefined when it has no such cell. */
export function documented({ form, row }: Outcome, column: number): string | undefined {
  const [, tables] = parts();
  const table = tables.split("### ").find((part) => part.startsWith(FORM_TITLES[form]));
  const line = table?.split("\n").find((one) => cells(one)[0] === row.name);
  const cell = line === undefined ? undefined : cells(line)[column + 1];
  if (cell === undefined || cell === "") return undefined;
  return cell === "✓" ? "works" : "not-applicable";
}

/** `\|` in a cell is no border. */
function cells(line: string): readonly string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}
