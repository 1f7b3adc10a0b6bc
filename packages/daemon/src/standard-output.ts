/**
 * Standard output for the log: the lines of one turn of the event loop leave together.
 *
 * Each write is a thread of the pool and two wake-ups, whatever its length, and a login has half a dozen
 * lines. It is asynchronous, so that a slow reader of the log holds nobody up.
 */
import { pino } from "pino";
import type { DestinationStream } from "pino";

let output: DestinationStream | undefined;

/** One for the process: what is held when it exits is written then. */
export function standardOutput(): DestinationStream {
  output ??= createOutput();
  return output;
}

function createOutput(): DestinationStream {
  const target = pino.destination(1);
  let held = "";
  function flush(): void {
    const lines = held;
    held = "";
    if (lines !== "") target.write(lines);
  }
  process.once("exit", () => {
    flush();
    target.flushSync();
  });
  return {
    write(line) {
      if (held === "") setImmediate(flush);
      held += line;
    },
  };
}
