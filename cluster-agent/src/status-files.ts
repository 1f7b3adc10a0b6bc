/**
 * The agent's probes without a port: two files that probe.ts looks at.
 *
 * `live` is touched by a timer of the event loop: one that hangs lets it grow old.
 * `ready` is there while at least one tunnel is up.
 */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Clock, Timer } from "@teleport-access/daemon";

export const LIVE_EVERY_MS = 2_000;
/** Ten missed touches: a full garbage collection or a throttled CPU is no hang. */
export const LIVE_MAX_AGE_MS = 20_000;

export function liveFile(folder: string): string {
  return join(folder, "live");
}

export function readyFile(folder: string): string {
  return join(folder, "ready");
}

export interface StatusFiles {
  /** Makes or removes `ready`. */
  setReady(ready: boolean): void;
  /** Removes both. */
  close(): void;
}

/** Writes `live` and keeps it young. @throws the file system's error when the folder cannot be written */
export function startStatusFiles(folder: string, clock: Clock): StatusFiles {
  mkdirSync(folder, { recursive: true });
  writeFileSync(liveFile(folder), "");
  rmSync(readyFile(folder), { force: true });
  let timer: Timer = clock.setTimer(LIVE_EVERY_MS, touch);
  let isReady = false;
  function touch(): void {
    const now = clock.now() / 1000;
    utimesSync(liveFile(folder), now, now);
    timer = clock.setTimer(LIVE_EVERY_MS, touch);
  }
  return {
    setReady(ready) {
      if (ready === isReady) return;
      isReady = ready;
      if (ready) writeFileSync(readyFile(folder), "");
      else rmSync(readyFile(folder), { force: true });
    },
    close() {
      timer.cancel();
      rmSync(readyFile(folder), { force: true });
      rmSync(liveFile(folder), { force: true });
    },
  };
}
