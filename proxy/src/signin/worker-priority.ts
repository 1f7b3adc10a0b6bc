/**
 * Lets the threads that hash passwords yield the processor to the one that carries everybody's keystrokes: a hash takes
 * 11 ms, and a stranger can have one after the other made.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";

/** A tenth of the share of an ordinary thread when both want to run; all of it when nobody else does. */
const NICE = 10;

/** What libuv calls the threads of its pool. They also read files and ask for names, which can wait as well. */
const WORKER = "libuv-worker";

/** Lowers the workers there are and returns how many. Linux only; nothing else depends on it. */
export function lowerWorkers(tasks = "/proc/self/task"): number {
  try {
    const workers = readdirSync(tasks).filter(
      (task) => readFileSync(join(tasks, task, "comm"), "utf8").trim() === WORKER,
    );
    for (const task of workers) setPriority(Number(task), NICE);
    return workers.length;
  } catch {
    return 0; // no /proc, a thread that has just ended, or a sandbox that forbids it
  }
}
