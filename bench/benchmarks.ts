/** Every benchmark by the name that `make bench NAME=…` takes. */
import { throughputReport } from "./b1-throughput/run.ts";
import { runTransfers } from "./b1-throughput/transfers.ts";
import type { AllTransfers } from "./b1-throughput/transfers.ts";
import { relayCpuReport } from "./b2-relay-cpu/run.ts";
import { setUpReport } from "./b3-set-up/run.ts";
import { loginReport } from "./b4-logins/run.ts";
import { tunnelsReport } from "./b5-tunnels/run.ts";
import { stormReport } from "./b6-storm/run.ts";
import { keystrokeReport } from "./b7-keystrokes/run.ts";
import { distanceReport } from "./b8-distance/run.ts";
import { forwardReport } from "./b13-forward-form/run.ts";
import { abuseReport } from "./r7-abuse/run.ts";
import type { RunOptions } from "./lab/setting.ts";
import type { Report } from "./measure/report.ts";

export type Benchmark = (options: RunOptions) => Promise<Report>;

/** B1 and B2 look at the same transfers from two sides. */
let transfers: Promise<AllTransfers> | undefined;
function sharedTransfers(options: RunOptions): Promise<AllTransfers> {
  transfers ??= runTransfers(options);
  return transfers;
}

export const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  b1: async (options) => throughputReport(await sharedTransfers(options)),
  b2: async (options) => relayCpuReport(await sharedTransfers(options)),
  b3: setUpReport,
  b4: loginReport,
  b5: tunnelsReport,
  b6: stormReport,
  b7: keystrokeReport,
  b8: distanceReport,
  b13: forwardReport,
  r7: abuseReport,
};
