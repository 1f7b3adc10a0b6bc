/** The rows that B1 and B2 make of the same transfers: ours against each peer, one way. */
import type { PathName } from "../lab/setting.ts";
import type { Row } from "../measure/report.ts";
import { median, ratioOf } from "../measure/statistics.ts";
import type { Goal } from "../measure/statistics.ts";
import type { AllTransfers, Direction, Transfers } from "./transfers.ts";

/** What is computed, and whom we are compared with. */
export interface Measure {
  readonly unit: string;
  /** One number of a path for each kept round. */
  readonly samples: (transfers: Transfers, path: PathName, direction: Direction) => number[];
  readonly against: readonly { readonly path: PathName; readonly goal?: Goal }[];
}

/** A row for each peer that took part, with the ciphers that the row is named after. */
export function rowsOf(
  { unit, samples, against }: Measure,
  all: AllTransfers,
  cipher: "gcm" | "chacha20",
  direction: Direction,
): Row[] {
  const transfers = cipher === "gcm" ? all.gcm : all.stock;
  const ours = samples(transfers, "ours", direction);
  return against
    .filter(({ path }) => transfers.logins.has(path))
    .map(({ path, goal }) => {
      const peer = samples(transfers, path, direction);
      return {
        ...{ what: `${direction} ${cipher}`, unit },
        ours: median(ours),
        peer: { name: all.titles.get(path) ?? path, value: median(peer) },
        ratio: ratioOf(ours, peer),
        ...(goal === undefined ? {} : { goal }),
      };
    });
}
