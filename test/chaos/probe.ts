/**
 * Loaded into each program under test before its own code: answers what the program holds, after a full
 * collection of garbage. The program does not know, and may end while somebody asks.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** What a program holds. */
export interface Holdings {
  readonly rss: number;
  readonly heap: number;
  /** What keeps its event loop: sockets, servers, timers. */
  readonly resources: Readonly<Record<string, number>>;
}

async function look(): Promise<Holdings> {
  // Buffers whose owner was collected are given back in the turns after it.
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { rss, heapUsed } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  return { rss, heap: heapUsed, resources };
}

process.on("message", (message) => {
  if (message === "look") void look().then((holdings) => process.send?.({ holdings }));
});
process.channel?.unref();
