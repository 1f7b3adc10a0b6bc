/** One fault in the middle of four transfers: what it did to them, and how soon everything was as before. */
import { setTimeout as sleep } from "node:timers/promises";

import { until } from "@teleport-access/testkit";

import type { Estate } from "./estate.ts";
import type { Fault } from "./faults.ts";
import type { Transfer } from "./sessions.ts";

const TRANSFERS = 4;
const MIB = 1024 * 1024;
/** A new session of a person who tries again, once the network and the programs are back. */
const NEW_SESSION_MS = 10_000;
const SETTLE_MS = 30_000;
/** After the time to end is over, who has not ended must go on within this. */
const GO_ON_MS = 5_000;
/** ssh's own window, 2 MiB, is all that can be under way from end to end: more was not read without somebody sending. */
const PROGRESS_BYTES: number = 3 * MIB;

export interface Outcome {
  readonly fault: string;
  readonly noticedMs: number | undefined;
  readonly ended: number;
  readonly wentOn: number;
  /** The last line that the first person who was cut off read. */
  readonly words: string;
  readonly newSessionMs: number;
  readonly settledMs: number;
  /** What should not have been. */
  readonly problems: readonly string[];
}

/** Strikes `afterBytes` into the transfers. */
export async function runFault(estate: Estate, fault: Fault, afterBytes: number): Promise<Outcome> {
  const transfers = Array.from({ length: TRANSFERS }, () => estate.transfer());
  try {
    await until("transfers under way", () => transfers.every(({ received }) => received > afterBytes), {
      deadlineMs: 30_000,
      everyMs: 20,
    });
    const struckAt = performance.now();
    const noticedMs = await fault.strike(estate, transfers);
    await sleep(Math.max(0, struckAt + fault.endWithinMs - performance.now()));
    const problems = await judge(fault, transfers);
    await fault.heal?.(estate);
    const newSessionMs = await estate.newSession(NEW_SESSION_MS);
    const cut = transfers.filter(({ endedAt }) => endedAt !== undefined);
    const words = cut.find((transfer) => transfer.words !== "")?.words ?? "";
    const outcome = { ended: cut.length, wentOn: TRANSFERS - cut.length, words };
    await Promise.all(transfers.map((transfer) => transfer.stop()));
    const from = performance.now();
    await estate.settled(SETTLE_MS);
    const settledMs = performance.now() - from;
    return { fault: fault.name, noticedMs, ...outcome, newSessionMs, settledMs, problems };
  } finally {
    await Promise.all(transfers.map((transfer) => transfer.stop()));
  }
}

async function judge(fault: Fault, transfers: readonly Transfer[]): Promise<string[]> {
  for (const transfer of transfers) transfer.mark();
  const left = transfers.filter(({ endedAt }) => endedAt === undefined);
  await until("everybody to go on", () => left.every((transfer) => transfer.progress > PROGRESS_BYTES), {
    deadlineMs: GO_ON_MS,
    everyMs: 20,
  }).catch(() => undefined);
  const hanging = left.filter((transfer) => transfer.progress <= PROGRESS_BYTES).length;
  const problems = hanging === 0 ? [] : [`${hanging} transfers hang`];
  const survivors = left.length - hanging;
  if (fault.survive === "all" && survivors < transfers.length) problems.push("a transfer ended for nothing");
  if (fault.survive === "some" && survivors === 0) problems.push("nobody survived");
  if (fault.survive === "none" && survivors > 0) problems.push(`${survivors} transfers live on nothing`);
  const silent = transfers.filter(
    ({ endedAt, words, killed }) => endedAt !== undefined && words === "" && !killed,
  );
  if (silent.length > 0) problems.push(`${silent.length} transfers ended without a word`);
  return problems;
}
