/** Delay lines as a setting's own: started beside it, ended with it. */
import { join } from "node:path";
import { ROOT } from "../../hack/bundle.ts";
import { createCpuGroup } from "../measure/cpu.ts";
import { startProcess, whenListening } from "./processes.ts";
import type { BenchProcess } from "./processes.ts";

export interface Route {
  readonly listen: number;
  readonly to: number;
}

/** Starts one process that delays all these routes; it has a group of its own, which is nobody's cost. */
export async function startDelayLines(rttMs: number, routes: readonly Route[]): Promise<BenchProcess> {
  const process_ = startProcess({
    name: `delay-${rttMs}`,
    command: process.execPath,
    args: [
      join(ROOT, "bench/lab/delay-line.ts"),
      String(rttMs / 2),
      ...routes.map(({ listen, to }) => `${listen}:${to}`),
    ],
    group: createCpuGroup(`delay-${rttMs}`),
  });
  for (const { listen } of routes) await whenListening(listen, process_);
  return process_;
}
