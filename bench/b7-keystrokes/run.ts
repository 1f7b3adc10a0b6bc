/**
 * B7: how long a keystroke takes to come back, alone and while others on the same
 * agent move bulk data, against OpenSSH's own way in the same run.
 */
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { startSetting } from "../lab/setting.ts";
import type { PathName, RunOptions, Setting } from "../lab/setting.ts";
import type { Report, Row } from "../measure/report.ts";
import { whenQuiet } from "../measure/sample.ts";
import { quantile, quantileOf, ratioOf } from "../measure/statistics.ts";
import type { Goal } from "../measure/statistics.ts";
import { startEcho } from "./echo.ts";

const PLAN = { keys: 120, rounds: 5, quietMs: 5_000 };
const QUICK = { keys: 40, rounds: 2, quietMs: 250 };

const PATHS = ["ours", "p1", "direct"] as const satisfies readonly PathName[];
type PathKey = (typeof PATHS)[number];

/**
 * `bulk`: streams beside the typing. Our agent keeps two connections to a proxy and the
 * proxy uses the less busy one: with one stream the keys have a connection for
 * themselves, with two they share.
 */
const LOADS = [
  { title: "idle", bulk: 0, goals: [{ atMost: 1.1 }, { atMost: 1.25 }] },
  { title: "beside 1 stream", bulk: 1, goals: [undefined, { atMost: 0.5 }] },
  { title: "beside 2 streams", bulk: 2, goals: [undefined, { atMost: 0.5 }] },
] as const satisfies readonly Load[];

interface Load {
  readonly title: string;
  readonly bulk: number;
  /** Of p50 and p99. */
  readonly goals: readonly [Goal | undefined, Goal | undefined];
}

type Keys = Map<string, number[]>;

export async function keystrokeReport({ quick }: RunOptions): Promise<Report> {
  const plan = quick ? QUICK : PLAN;
  const setting = await startSetting();
  const keys: Keys = new Map();
  const turns = Array.from({ length: plan.rounds }, (_, round) =>
    LOADS.flatMap((load) => turned(round).map((path) => ({ path, ...load }))),
  );
  try {
    for (const { path, title, bulk } of turns.flat()) {
      await whenQuiet(plan.quietMs);
      const typed = await typeBeside(setting, path, bulk, plan.keys);
      keys.set(keyOf(path, title), [...(keys.get(keyOf(path, title)) ?? []), ...typed]);
    }
  } finally {
    await setting.stop();
  }
  return {
    title: "B7 keystroke echo",
    rows: LOADS.flatMap((load) => rowsOf(setting, keys, load)),
    notes: [
      ...setting.notes,
      "beside 2 streams every tunnel connection of ours carries one; P1 has one tunnel for all of it",
    ],
    raw: Object.fromEntries(keys),
  };
}

function keyOf(path: PathKey, title: string): string {
  return `${path} ${title}`;
}

function turned(round: number): PathKey[] {
  const first = round % PATHS.length;
  return [...PATHS.slice(first), ...PATHS.slice(0, first)];
}

/** The streams come first: they take their places before the keys look for the least busy one. */
async function typeBeside(setting: Setting, path: PathKey, bulk: number, count: number): Promise<number[]> {
  const client = setting.client();
  const { way } = setting.path(path);
  const streams: ChildProcess[] = [];
  try {
    for (let i = 0; i < bulk; i += 1) {
      streams.push(client.stream(way));
      await sleep(500);
    }
    const echo = await startEcho(client, way);
    try {
      return await echo.type(count);
    } finally {
      echo.stop();
    }
  } finally {
    for (const stream of streams) stream.kill("SIGKILL");
    await sleep(300);
  }
}

function rowsOf(setting: Setting, keys: Keys, { title, goals }: Load): Row[] {
  const ours = keys.get(keyOf("ours", title)) ?? [];
  return [0.5, 0.99].flatMap((q, index) =>
    (["p1", "direct"] as const).map((path) => {
      const peer = keys.get(keyOf(path, title)) ?? [];
      const goal = path === "p1" ? goals[index] : undefined;
      return {
        what: `${title} p${q * 100}`,
        unit: "ms",
        ours: quantile(ours, q),
        peer: { name: setting.path(path).title, value: quantile(peer, q) },
        ratio: ratioOf(ours, peer, quantileOf(q)),
        ...(goal === undefined ? {} : { goal }),
      };
    }),
  );
}
