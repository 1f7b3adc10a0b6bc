/** B2: what a byte costs in proxy and agent together, from the transfers of B1. */
import { rawOf } from "../b1-throughput/run.ts";
import { costs } from "../b1-throughput/transfers.ts";
import type { AllTransfers, Direction, Transfers } from "../b1-throughput/transfers.ts";
import type { PathName } from "../lab/setting.ts";
import type { Report, Row } from "../measure/report.ts";
import { exactly, median, ratioOf } from "../measure/statistics.ts";
import type { Goal } from "../measure/statistics.ts";

const AGAINST: readonly { readonly path: PathName; readonly goal?: Goal }[] = [
  { path: "p1", goal: { atMost: 0.5 } },
  { path: "go", goal: { atMost: 0.4 } },
  { path: "p1-plain" },
  { path: "p2" },
];

/** Processor seconds per GiB; absolute, so it says as much about the machine as about us. */
const SECONDS_GOAL: Goal = { atMost: 1.9 };

export function relayCpuReport({ gcm, stock, titles, notes }: AllTransfers): Report {
  const rows = (["up", "down"] as const).flatMap((direction) => [
    absoluteRow(gcm, direction),
    ...rowsOf(gcm, titles, direction, "gcm"),
    ...rowsOf(stock, titles, direction, "chacha20"),
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
    unit: "CPU-s/GiB",
    ours,
    goal: SECONDS_GOAL,
    judged: exactly(ours),
  };
}

function rowsOf(
  transfers: Transfers,
  titles: ReadonlyMap<PathName, string>,
  direction: Direction,
  cipher: string,
): Row[] {
  const ours = costs(transfers, "ours", direction);
  return AGAINST.filter(({ path }) => transfers.logins.has(path)).map(({ path, goal }) => {
    const peer = costs(transfers, path, direction);
    return {
      what: `${direction} ${cipher}`,
      unit: "CPU-s/GiB",
      ours: median(ours),
      peer: { name: titles.get(path) ?? path, value: median(peer) },
      ratio: ratioOf(ours, peer),
      ...(goal === undefined ? {} : { goal }),
    };
  });
}
