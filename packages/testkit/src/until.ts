/**
 * Waiting for something outside this process, with a deadline. Prefer an event
 * where there is one (`kubectl wait`, a closed socket, a line of output); this is
 * for what can only be asked.
 */
import { setTimeout as sleep } from "node:timers/promises";

export interface UntilOptions {
  readonly deadlineMs: number;
  /** @default 100 */
  readonly everyMs?: number;
}

/**
 * Asks until the answer is neither undefined nor false, and gives it back. An
 * exception counts as "not yet"; the last one is the cause when the deadline passes.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { deadlineMs, everyMs = 100 }: UntilOptions,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() + everyMs > end)
      throw new Error(`${what}: not within ${deadlineMs / 1000} s`, cause === undefined ? {} : { cause });
    await sleep(everyMs);
  }
}
