/** B1: how fast one stream gets through the reverse tunnel, against OpenSSH's own way in the same run. */
import type { Report } from "../measure/report.ts";
import { rowsOf } from "./rows.ts";
import type { Measure } from "./rows.ts";
import { rates } from "./transfers.ts";
import type { AllTransfers, Direction, Transfers } from "./transfers.ts";

const SPEED: Measure = {
  unit: "MiB/s",
  samples: rates,
  against: [
    { path: "p1", goal: { atLeast: 1.25 } },
    { path: "p1-plain", goal: { atLeast: 0.85 } },
    { path: "go" },
    { path: "p2" },
    { path: "direct" },
  ],
};

export function throughputReport(all: AllTransfers): Report {
  const { gcm, stock, notes } = all;
  const directions: readonly Direction[] = ["up", "down"];
  const rows = [
    ...directions.flatMap((direction) => rowsOf(SPEED, all, "gcm", direction)),
    ...directions.flatMap((direction) => rowsOf(SPEED, all, "chacha20", direction)),
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

/** As JSON takes it. */
export function rawOf({ cipher, bytes, logins, rounds }: Transfers): object {
  return {
    cipher,
    bytes: Object.fromEntries([...logins.keys()].map((path) => [path, bytes(path)])),
    logins: Object.fromEntries(logins),
    rounds: rounds.all,
  };
}
