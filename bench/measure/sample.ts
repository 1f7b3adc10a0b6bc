/**
 * One timed act: how long it took, what each part of the setting spent on it, and
 * how much of the machine others used meanwhile.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { machineBusySeconds } from "./cpu.ts";
import type { CpuGroup } from "./cpu.ts";

export interface Sample {
  readonly seconds: number;
  /** Processor seconds by part. */
  readonly cpu: Readonly<Record<string, number>>;
  /** The share of the whole machine that nobody of ours used. */
  readonly foreign: number;
  /** The load average before. */
  readonly load: number;
}

const CORES = availableParallelism();
/** The end of a connection is work too, and comes after the client has gone. */
const SETTLE_MS = 40;

function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export function loadAverage(): number {
  return Number(readFileSync("/proc/loadavg", "latin1").split(" ")[0]);
}

/** Times an act. `groups` are all parts of the setting, so that what is left is foreign. */
export async function takeSample(groups: readonly CpuGroup[], act: () => Promise<unknown>): Promise<Sample> {
  const load = loadAverage();
  const before = groups.map((group) => group.seconds());
  const busy = machineBusySeconds();
  const own = ownSeconds();
  const from = performance.now();
  await act();
  const seconds = (performance.now() - from) / 1000;
  await sleep(SETTLE_MS);
  const span = (performance.now() - from) / 1000;
  const used = groups.map((group, index) => group.seconds() - (before[index] ?? 0));
  const ours = used.reduce((sum, value) => sum + value, ownSeconds() - own);
  const foreign = Math.max(0, (machineBusySeconds() - busy - ours) / (span * CORES));
  return {
    seconds,
    cpu: Object.fromEntries(groups.map((group, index) => [group.name, used[index] ?? Number.NaN])),
    foreign,
    load,
  };
}

const LOOK_MS = 250;
const QUIET_SHARE = 0.1;

/** Waits until nine tenths of the machine are idle, but not for ever: a busy sample is marked by its own `foreign`. */
export async function whenQuiet(longestMs: number): Promise<void> {
  const end = performance.now() + longestMs;
  while (performance.now() < end) {
    const busy = machineBusySeconds();
    const from = performance.now();
    await sleep(LOOK_MS);
    const span = ((performance.now() - from) / 1000) * CORES;
    if ((machineBusySeconds() - busy) / span < QUIET_SHARE) return;
  }
}
