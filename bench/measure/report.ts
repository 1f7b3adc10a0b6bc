/** What a benchmark says: a table for people, and the raw samples for whoever wants to check it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { meets } from "./statistics.ts";
import type { Estimate, Goal } from "./statistics.ts";

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: { readonly name: string; readonly value: number };
  /** Ours ÷ peer. */
  readonly ratio?: Estimate;
  readonly goal?: Goal;
  /** What the goal is about. @default the ratio */
  readonly judged?: Estimate;
}

/** What a benchmark gives back. */
export interface Report {
  /** E.g. "B1 reverse-path throughput". */
  readonly title: string;
  readonly rows: readonly Row[];
  /** Sentences under the table: what was left out, and why. */
  readonly notes: readonly string[];
  /** Kept as JSON. */
  readonly raw: unknown;
}

export type Verdict = "met" | "NOT MET" | "";

/** A row without a goal has no verdict; one without a figure is not met. */
export function verdictOf({ goal, ratio, judged = ratio }: Row): Verdict {
  if (goal === undefined) return "";
  return judged !== undefined && meets(goal, judged) ? "met" : "NOT MET";
}

const HEADINGS = ["", "unit", "ours", "peer", "", "ratio [95 %]", "goal", ""];

/** The table, with a heading line. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cellsOf(row: Row): string[] {
  const { what, unit, ours, peer, ratio, goal } = row;
  return [
    what,
    unit,
    digits(ours),
    peer === undefined ? "" : digits(peer.value),
    peer?.name ?? "",
    ratio === undefined
      ? ""
      : `${ratio.value.toFixed(2)} [${ratio.low.toFixed(2)}, ${ratio.high.toFixed(2)}]`,
    goal === undefined ? "" : goalText(goal),
    verdictOf(row),
  ];
}

function goalText(goal: Goal): string {
  return "atLeast" in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
}

/** Three significant digits, and no more than the figure deserves. */
export function digits(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}

/** Writes a report's raw samples below `.local/bench`; returns the file. */
export function keepRaw(root: string, name: string, content: object): string {
  const folder = join(root, ".local/bench");
  mkdirSync(folder, { recursive: true });
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const file = join(folder, `${name}-${stamp}.json`);
  writeFileSync(file, `${JSON.stringify(content, null, 1)}\n`);
  return file;
}
