/** What the programs that lived through everything hold, against what they held at the start. */
import type { Held } from "./program.ts";

const MIB = 1024 * 1024;
/** The allocator keeps pages for the next burst; a leak of one channel's windows in each fault is more. */
const RSS_MARGIN: number = 48 * MIB;
const HEAP_MARGIN: number = 6 * MIB;
/** A watch of the API server may be between two connections. */
const SOCKET_MARGIN = 2;

export type Holdings = ReadonlyMap<string, Held>;

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

/** Prints both, and says what grew. */
export function compareHoldings(before: Holdings, after: Holdings, print: (line: string) => void): string[] {
  const problems: string[] = [];
  for (const [name, start] of before) {
    const end = after.get(name);
    if (end === undefined) continue;
    print(
      `${name}: sockets ${start.sockets} -> ${end.sockets}, heap ${mib(start.heap)} -> ${mib(end.heap)}, RSS ${mib(start.rss)} -> ${mib(end.rss)}`,
    );
    if (end.sockets > start.sockets + SOCKET_MARGIN) problems.push(`${name} leaks sockets`);
    if (end.heap > start.heap + HEAP_MARGIN) problems.push(`${name}: the heap grew`);
    if (end.rss > start.rss + RSS_MARGIN) problems.push(`${name}: memory grew`);
  }
  return problems;
}
