/**
 * The transfers that B1 (how fast) and B2 (at what cost) are computed from: one
 * stream of zeros, each way, over every path in turn.
 */
import type { PathName, RunOptions, Setting } from "../lab/setting.ts";
import { GCM, startSetting, STOCK_CIPHERS } from "../lab/setting.ts";
import type { BenchClient } from "../lab/ssh-client.ts";
import { takeRounds } from "../measure/rounds.ts";
import type { Round, Rounds } from "../measure/rounds.ts";
import { takeSample, whenQuiet } from "../measure/sample.ts";
import type { Sample } from "../measure/sample.ts";
import { median } from "../measure/statistics.ts";

export const MIB: number = 1024 * 1024;

export type Direction = "up" | "down";

/** One path in one direction; the name under which its samples are kept. */
export type TransferName = `${PathName} ${Direction}`;

/** What a login alone costs on a path; taken off each transfer, which begins with one. */
export interface LoginCost {
  readonly seconds: number;
  /** Of the relay. */
  readonly cpu: number;
}

export interface Transfers {
  readonly cipher: string;
  readonly bytes: (path: PathName) => number;
  readonly logins: ReadonlyMap<PathName, LoginCost>;
  readonly rounds: Rounds<TransferName>;
}

export interface AllTransfers {
  readonly gcm: Transfers;
  readonly stock: Transfers;
  readonly titles: ReadonlyMap<PathName, string>;
  readonly notes: readonly string[];
}

interface Plan {
  readonly bytes: number;
  readonly rounds: number;
  /** How many rounds more when some are disturbed. */
  readonly extra: number;
  readonly quietMs: number;
}

const PLAN: Plan = { bytes: 768 * MIB, rounds: 7, extra: 5, quietMs: 10_000 };
const QUICK: Plan = { bytes: 128 * MIB, rounds: 3, extra: 0, quietMs: 250 };
/** ChaCha20 is a second opinion, at half the length. */
const STOCK_PLAN: Plan = { ...PLAN, bytes: PLAN.bytes / 2, rounds: 5, extra: 3 };
/** P2 has no goal and is slow. */
const SHARE_OF_P2 = 1 / 4;
const LOGINS = 5;
/** A pod that has run for a while has compiled its hot code; one stream of this is enough for that. */
const WARM_UP_BYTES = 128 * MIB;

/** Runs them all, once for both benchmarks. */
export async function runTransfers({ quick, paths }: RunOptions): Promise<AllTransfers> {
  const plan = quick ? QUICK : PLAN;
  const wanted = (["go", "p2"] as const).filter((peer) => paths?.includes(peer) ?? (!quick || peer === "go"));
  const gcmSetting = await startSetting({ with: wanted });
  let gcm: Transfers;
  try {
    gcm = await transfer(gcmSetting, among([...gcmSetting.paths.keys()], paths), GCM, plan);
  } finally {
    await gcmSetting.stop();
  }
  const stockSetting = await startSetting({ tunnelCiphers: STOCK_CIPHERS });
  try {
    const stock = await transfer(
      stockSetting,
      among(["ours", "p1"], paths),
      STOCK_CIPHERS,
      quick ? QUICK : STOCK_PLAN,
    );
    const titles = new Map([...gcmSetting.paths].map(([name, { title }]) => [name, title]));
    return { gcm, stock, titles, notes: gcmSetting.notes };
  } finally {
    await stockSetting.stop();
  }
}

function among(all: readonly PathName[], wanted: readonly string[] | undefined): PathName[] {
  return all.filter((path) => wanted?.includes(path) ?? true);
}

async function transfer(
  setting: Setting,
  paths: readonly PathName[],
  ciphers: string,
  { bytes, rounds, extra, quietMs }: Plan,
): Promise<Transfers> {
  const current = setting.client(ciphers);
  const old = setting.client(ciphers, true);
  function clientOf(path: PathName): BenchClient {
    return path === "p2" ? old : current;
  }
  const logins = new Map<PathName, LoginCost>();
  for (const path of paths) {
    await clientOf(path).upload(setting.path(path).way, WARM_UP_BYTES);
    await clientOf(path).download(setting.path(path).way, WARM_UP_BYTES);
    logins.set(path, await loginCost(setting, path, clientOf(path)));
  }
  function bytesOf(path: PathName): number {
    return path === "p2" ? bytes * SHARE_OF_P2 : bytes;
  }
  const names = paths.flatMap((path): TransferName[] => [`${path} up`, `${path} down`]);
  const taken = await takeRounds(names, { rounds, extra }, async (name) => {
    const [path, direction] = name.split(" ") as [PathName, Direction];
    const client = clientOf(path);
    const { way } = setting.path(path);
    await whenQuiet(quietMs);
    return await takeSample(setting.groups, () =>
      direction === "up" ? client.upload(way, bytesOf(path)) : client.download(way, bytesOf(path)),
    );
  });
  return { cipher: ciphers, bytes: bytesOf, logins, rounds: taken };
}

async function loginCost(setting: Setting, name: PathName, client: BenchClient): Promise<LoginCost> {
  const path = setting.path(name);
  const samples: Sample[] = [];
  for (let i = 0; i < LOGINS; i += 1) {
    samples.push(await takeSample(setting.groups, () => client.run(path.way, "true")));
  }
  return {
    seconds: median(samples.map(({ seconds }) => seconds)),
    cpu: median(samples.map((sample) => relaySeconds(sample, relayNames(name)))),
  };
}

/** The groups of a path's relay. */
export function relayNames(path: PathName): readonly string[] {
  if (path === "direct") return [];
  if (path === "p1-plain") return ["p1-proxy"];
  return [`${path}-proxy`, `${path}-agent`];
}

export function relaySeconds({ cpu }: Sample, groups: readonly string[]): number {
  return groups.reduce((sum, name) => sum + (cpu[name] ?? 0), 0);
}

/** MiB/s of a path in each kept round. */
export function rates(transfers: Transfers, path: PathName, direction: Direction): number[] {
  const { bytes, logins } = transfers;
  return samplesOf(transfers, path, direction).map(
    ({ seconds }) => bytes(path) / MIB / (seconds - (logins.get(path)?.seconds ?? 0)),
  );
}

/** Processor seconds per GiB that a path's relay takes, in each kept round. */
export function costs(transfers: Transfers, path: PathName, direction: Direction): number[] {
  const { bytes, logins } = transfers;
  return samplesOf(transfers, path, direction).map(
    (sample) =>
      (relaySeconds(sample, relayNames(path)) - (logins.get(path)?.cpu ?? 0)) / (bytes(path) / MIB / 1024),
  );
}

function samplesOf({ rounds }: Transfers, path: PathName, direction: Direction): Sample[] {
  return rounds.kept.map((round: Round<TransferName>) => round[`${path} ${direction}`]);
}
