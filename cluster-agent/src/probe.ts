/**
 * The program behind the pod's probes: `probe.js live` or `probe.js ready`; ends
 * with 0 when it is so. Imports next to nothing, since it starts every few seconds.
 */
import { statSync } from "node:fs";

import { LIVE_MAX_AGE_MS, liveFile, readyFile } from "./status-files.ts";

/** Whether the file says so at `now` (milliseconds since 1970). */
export function probe(what: string | undefined, folder: string, now: number): boolean {
  if (what === "ready") return modifiedAt(readyFile(folder)) !== undefined;
  if (what !== "live") return false;
  const touched = modifiedAt(liveFile(folder));
  return touched !== undefined && now - touched < LIVE_MAX_AGE_MS;
}

function modifiedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

if (import.meta.main) {
  const folder = process.env["RUN_DIR"] ?? "/run/teleport-access";
  process.exitCode = probe(process.argv[2], folder, Date.now()) ? 0 : 1;
}
