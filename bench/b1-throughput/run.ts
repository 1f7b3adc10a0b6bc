/** B1: how fast one stream gets through the reverse tunnel, against OpenSSH's own way in the same run. */
import type { PathName } from "../lab/setting.ts";
import type { Report, Row } from "../measure/report.ts";
import { median, ratioOf } from "../measure/statistics.ts";
import type { Goal } from "../measure/statistics.ts";
import { rates } from "./transfers.ts";
import type { AllTransfers, Direction, Transfers } from "./transfers.ts";

const AGAINST: readonly { readonly path: PathName; readonly goal?: Goal }[] = [
  { path: "p1", goal: { atLeast: 1.25 } },
  { path: "p1-plain", goal: { atLeast: 0.85 } },
  { path: "go" },
  { path: "p2" },
  { path: "direct" },
];

export function throughputReport(all: AllTransfers): Report {
  const { gcm, stock, titles, notes } = all;
  const directions: readonly Direction[] = ["up", "down"];
  const rows = [
    ...directions.flatMap((direction) => rowsOf(gcm, titles, direction, "gcm")),
    ...directions.flatMap((direction) => rowsOf(stock, titles, direction, "chacha20")),
  ];
  const disturbed = gcm.rounds.disturbed + stock.rounds.disturbed;
  return {
    title: "B1 reverse-path throughput",
    rows,
    notes: [
      ...notes,
      "gcm: aes128-gcm on every hop. chacha20: the stock client's order, so every hop that offers ChaCha20 uses it; our proxy does not",
      ...(disturbed === 0 ? [] : [`${disturbed} rounds were disturbed by other work on the machine`]),
    ],
    raw: { gcm: rawOf(gcm), stock: rawOf(stock) },
  };
}

function rowsOf(
  transfers: Transfers,
  titles: ReadonlyMap<PathName, string>,
  direction: Direction,
  cipher: string,
): Row[] {
  const ours = rates(transfers, "ours", direction);
  return AGAINST.filter(({ path }) => transfers.logins.has(path)).map(({ path, goal }) => {
    const peer = rates(transfers, path, direction);
    return {
      what: `${direction} ${cipher}`,
      unit: "MiB/s",
      ours: median(ours),
      peer: { name: titles.get(path) ?? path, value: median(peer) },
      ratio: ratioOf(ours, peer),
      ...(goal === undefined ? {} : { goal }),
    };
  });
}

/** As JSON takes it. */
export function rawOf({ cipher, bytes, logins, rounds }: Transfers): object {
  return {
    cipher,
    bytes: Object.fromEntries([...logins.keys()].map((path) => [path, bytes(path)])),
    logins: Object.fromEntries(logins),
    rounds: rounds.all,
  };
}
