/**
 * How much processor time each part of a setting uses: client, proxy, agent,
 * target. A cgroup (v1, cpuacct) counts a part's processes and everything they
 * start exactly; where none can be made, /proc is added up instead.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** One part. */
export interface CpuGroup {
  readonly name: string;
  /** The command that runs `command` inside the group. */
  wrap(command: string, args: readonly string[]): readonly [string, readonly string[]];
  /** Tells the group about a process that `wrap` started. */
  add(pid: number): void;
  /** Processor seconds used so far, by processes that have ended too. */
  seconds(): number;
  /** The processes in it now. */
  processes(): readonly number[];
}

const ROOT = "/sys/fs/cgroup/cpuacct";
const PREFIX = "teleport-bench-";
/** Set to the process that started the run: numbers of processes inside a sandbox repeat in each. */
export const RUN_VARIABLE = "TELEPORT_BENCH_RUN";

/** Whether a cgroup can be made here. */
function cgroupsUsable(): boolean {
  const probe = join(ROOT, `${PREFIX}probe`);
  try {
    mkdirSync(probe, { recursive: true });
    // Without the kernel's files in it, it is a folder like any other.
    const usable = existsSync(join(probe, "cpuacct.usage"));
    rmdirSync(probe);
    return usable;
  } catch {
    return false;
  }
}

let usable: boolean | undefined;
let made = 0;

/** For the record beside the figures. */
export function cpuSource(): string {
  usable ??= cgroupsUsable();
  return usable ? "cgroup cpuacct" : "/proc/<pid>/stat";
}

export function createCpuGroup(name: string): CpuGroup {
  made += 1;
  return cpuSource() === "cgroup cpuacct" ? new Cgroup(name, made) : new ProcessTrees(name);
}

/** The processes of a sandbox that was killed are gone within moments. */
const GOING_MS = 2_000;

/** Removes the groups of the run that this process started, and of runs that were killed; another's may be in use though empty. */
export async function removeCpuGroups(): Promise<void> {
  const end = performance.now() + GOING_MS;
  while (abandonedGroups().filter((folder) => !removed(folder)).length > 0) {
    if (performance.now() > end) return;
    await sleep(50);
  }
}

function abandonedGroups(): string[] {
  return globSync(join(ROOT, `${PREFIX}*`)).filter((folder) => {
    const run = /^\d+/.exec(basename(folder).slice(PREFIX.length))?.[0];
    return run === undefined || run === String(process.pid) || !existsSync(`/proc/${run}`);
  });
}

function removed(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    // Somebody is still in it.
    return false;
  }
}

class Cgroup implements CpuGroup {
  readonly name: string;
  readonly #folder: string;

  constructor(name: string, serial: number) {
    this.name = name;
    this.#folder = join(ROOT, `${PREFIX}${process.env[RUN_VARIABLE] ?? "0"}-${serial}-${name}`);
    mkdirSync(this.#folder);
  }

  wrap(command: string, args: readonly string[]): readonly [string, readonly string[]] {
    // Its first act is to enter the group, so that nothing is counted elsewhere.
    const enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
    return ["/bin/sh", ["-c", enter, this.#folder, command, ...args]];
  }

  add(): void {
    // wrap has put it there.
  }

  seconds(): number {
    return Number(readFileSync(join(this.#folder, "cpuacct.usage"), "utf8")) / 1e9;
  }

  processes(): readonly number[] {
    return readFileSync(join(this.#folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  }
}

interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  /** Of itself and of the children it has waited for. */
  readonly seconds: number;
}

class ProcessTrees implements CpuGroup {
  readonly name: string;
  readonly #roots = new Set<number>();
  /** Used by roots that have ended, as last seen. */
  readonly #last = new Map<number, number>();

  constructor(name: string) {
    this.name = name;
  }

  wrap(command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return [command, args];
  }

  add(pid: number): void {
    this.#roots.add(pid);
  }

  seconds(): number {
    const all = readProcesses();
    for (const root of this.#roots) {
      const tree = treeOf(root, all);
      if (tree.length > 0)
        this.#last.set(
          root,
          tree.reduce((sum, { seconds }) => sum + seconds, 0),
        );
    }
    return [...this.#last.values()].reduce((sum, seconds) => sum + seconds, 0);
  }

  processes(): readonly number[] {
    const all = readProcesses();
    return [...this.#roots].flatMap((root) => treeOf(root, all).map(({ pid }) => pid));
  }
}

/** A process and everything below it. */
function treeOf(root: number, all: readonly ProcessTimes[]): ProcessTimes[] {
  const own = all.filter(({ pid }) => pid === root);
  return [...own, ...all.filter(({ parent }) => parent === root).flatMap(({ pid }) => treeOf(pid, all))];
}

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

function readProcesses(): ProcessTimes[] {
  return readdirSync("/proc").flatMap((entry) => (/^\d+$/.test(entry) ? readProcess(entry) : []));
}

function readProcess(pid: string): ProcessTimes[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc_pid_stat(5): the name in parentheses may hold anything; fields are counted after it.
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
    return [{ pid: Number(pid), parent: fields[1] ?? 0, seconds: ticks / TICKS_PER_SECOND }];
  } catch {
    return [];
  }
}

/** Resident bytes of a process. */
export function residentBytes(pid: number): number {
  return kibibytes(`/proc/${pid}/status`, /^VmRSS:\s+(\d+)/m);
}

/** Its share of memory: what several processes use together counts once among them. */
export function proportionalBytes(pid: number): number {
  return kibibytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+)/m);
}

function kibibytes(file: string, pattern: RegExp): number {
  return Number(pattern.exec(readFileSync(file, "latin1"))?.[1] ?? Number.NaN) * 1024;
}

/** kill -9 for all its processes at once: the way a pod ends that is not asked. */
export function killGroup(group: CpuGroup): void {
  for (const pid of group.processes()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

/** Processor seconds of the whole machine, whoever used them. */
export function machineBusySeconds(): number {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n");
  // proc_stat(5): user nice system idle iowait irq softirq steal.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
