/** B2: what a byte costs in proxy and agent together, from the transfers of B1. */
import { rawOf } from "../b1-throughput/run.ts";
import { rowsOf } from "../b1-throughput/rows.ts";
import type { Measure } from "../b1-throughput/rows.ts";
import { costs } from "../b1-throughput/transfers.ts";
import type { AllTransfers, Direction, Transfers } from "../b1-throughput/transfers.ts";
import type { Report, Row } from "../measure/report.ts";
import { exactly, median } from "../measure/statistics.ts";
import type { Goal } from "../measure/statistics.ts";

const COST: Measure = {
  unit: "CPU-s/GiB",
  samples: costs,
  against: [
    { path: "p1", goal: { atMost: 0.5 } },
    { path: "go", goal: { atMost: 0.4 } },
    { path: "p1-plain" },
    { path: "p2" },
  ],
};

/** Processor seconds per GiB; absolute, so it says as much about the machine as about us. */
const SECONDS_GOAL: Goal = { atMost: 1.9 };

export function relayCpuReport(all: AllTransfers): Report {
  const { gcm, stock, notes } = all;
  const rows = (["up", "down"] as const).flatMap((direction) => [
    absoluteRow(gcm, direction),
    ...rowsOf(COST, all, "gcm", direction),
    ...rowsOf(COST, all, "chacha20", direction),
  ]);
  return {
    title: "B2 relay CPU",
    rows,
    notes: [...notes, "proxy and agent together, the login taken off; from the transfers of B1"],
    raw: { gcm: rawOf(gcm), stock: rawOf(stock) },
  };
}

function absoluteRow(transfers: Transfers, direction: Direction): Row {
  const ours = median(costs(transfers, "ours", direction));
  return {
    what: `${direction} gcm`,
    unit: COST.unit,
    ours,
    goal: SECONDS_GOAL,
    judged: exactly(ours),
  };
}
