/**
 * Copies crds/*.yaml, the one source of the kinds, to where the chart reads them.
 *
 *   node hack/sync-chart-crds.ts           copies
 *   node hack/sync-chart-crds.ts --check   says in one sentence what differs
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const FROM = join(ROOT, "crds");
const TO = join(ROOT, "charts/teleport-access/files/crds");

function readFolder(folder: string): Map<string, string> {
  return new Map(
    globSync(join(folder, "*.yaml")).map((path) => [basename(path), readFileSync(path, "utf8")]),
  );
}

/** Names of the files that differ, are missing, or are too many in the chart. */
export function chartCrdDrift(): string[] {
  const source = readFolder(FROM);
  const chart = readFolder(TO);
  return [...new Set([...source.keys(), ...chart.keys()])]
    .filter((name) => source.get(name) !== chart.get(name))
    .sort();
}

function sync(): void {
  rmSync(TO, { recursive: true, force: true });
  mkdirSync(TO, { recursive: true });
  for (const [name, text] of readFolder(FROM)) writeFileSync(join(TO, name), text);
}

if (import.meta.main) {
  if (!process.argv.includes("--check")) sync();
  const drift = chartCrdDrift();
  if (drift.length > 0) {
    console.error(
      `the chart's CRDs differ from crds/ (${drift.join(", ")}): run node hack/sync-chart-crds.ts`,
    );
    process.exit(1);
  }
}
