/**
 * B8: how fast one stream is when one leg is long: between client and proxy, or
 * between proxy and agent. OpenSSH's plain ProxyJump over the same leg is as far as
 * the client's and target's own windows allow.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startDelayLines } from "../lab/distance.ts";
import { TARGET } from "../lab/estate.ts";
import { SSH_PORT, TUNNEL_PORT } from "../lab/product.ts";
import { P1, startSetting, TARGET_PORT } from "../lab/setting.ts";
import type { RunOptions, Setting } from "../lab/setting.ts";
import type { BenchClient, Way } from "../lab/ssh-client.ts";
import { residentBytes } from "../measure/cpu.ts";
import { takeRounds } from "../measure/rounds.ts";
import type { Rounds } from "../measure/rounds.ts";
import type { Report, Row } from "../measure/report.ts";
import { takeSample, whenQuiet } from "../measure/sample.ts";
import { exactly, median, ratioOf } from "../measure/statistics.ts";

const MIB = 1024 * 1024;
/** At 2 MiB a round trip, a few seconds each. */
const DISTANCES = [
  { rttMs: 50, bytes: 128 * MIB },
  { rttMs: 150, bytes: 64 * MIB },
] as const;
const LEGS = ["client", "agent"] as const;

interface Plan {
  readonly rounds: number;
  readonly extra: number;
  readonly quietMs: number;
  /** Of the bytes. */
  readonly share: number;
}

const PLAN: Plan = { rounds: 3, extra: 2, quietMs: 5_000, share: 1 };
const QUICK: Plan = { rounds: 1, extra: 0, quietMs: 250, share: 0.25 };

type Leg = (typeof LEGS)[number];
type TransferKey = `${"ours" | "peer"} ${"up" | "down"}`;
const KEYS: readonly TransferKey[] = ["ours up", "peer up", "ours down", "peer down"];

const FAR = { proxy: 5023, tunnel: 5024, jump: 5025, target: 5022 } as const;
const FAR_WAYS: readonly Way[] = [
  { host: "far-proxy", port: FAR.proxy, target: false },
  { host: "ours-client", as: TARGET, port: 22, jump: "far-proxy", target: true },
  { host: "far-jump", port: FAR.jump, target: false },
  { host: "peer-client", port: TARGET_PORT, jump: "far-jump", target: true },
  { host: "peer-agent", port: FAR.target, jump: "p1-jump", target: true },
];

/** The way over which a side is measured. */
function wayOf(side: string, leg: Leg): string {
  // With the long leg behind the proxy, our own way is the ordinary one.
  return side === "ours" && leg === "agent" ? TARGET : `${side}-${leg}`;
}

interface Measured {
  readonly rttMs: number;
  readonly leg: Leg;
  readonly bytes: number;
  readonly logins: Readonly<Record<"ours" | "peer", number>>;
  readonly rounds: Rounds<TransferKey>;
}

export async function distanceReport({ quick }: RunOptions): Promise<Report> {
  const plan = quick ? QUICK : PLAN;
  const all: Measured[] = [];
  let perStream = Number.NaN;
  let peer = "";
  for (const { rttMs, bytes } of DISTANCES) {
    for (const leg of LEGS) {
      await withLeg(rttMs, leg, async (setting) => {
        peer = setting.path("p1-plain").title;
        all.push(await measure(setting, { rttMs, leg, bytes: bytes * plan.share }, plan));
        if (rttMs === 150 && leg === "agent") perStream = await memoryPerStream(setting, plan);
      });
    }
  }
  return {
    title: "B8 distance",
    rows: [...all.flatMap((one) => rowsOf(one, peer)), memoryRow(perStream)],
    notes: [
      "the long leg is between client and proxy, or between proxy and agent (for the peer: between jump host and target)",
      ...all
        .filter(({ rounds }) => rounds.disturbed > 0)
        .map(
          ({ rttMs, leg, rounds }) =>
            `${rttMs} ms, ${leg}: ${rounds.disturbed} rounds were disturbed by other work`,
        ),
    ],
    raw: {
      perStream,
      transfers: all.map(({ rounds, ...facts }) => ({ ...facts, rounds: rounds.all })),
    },
  };
}

async function withLeg(rttMs: number, leg: Leg, act: (setting: Setting) => Promise<void>): Promise<void> {
  const lines = await startDelayLines(rttMs, [
    { listen: FAR.proxy, to: SSH_PORT },
    { listen: FAR.tunnel, to: TUNNEL_PORT },
    { listen: FAR.jump, to: P1.jumpPort },
    { listen: FAR.target, to: TARGET_PORT },
  ]);
  try {
    const setting = await startSetting({
      ways: FAR_WAYS,
      ...(leg === "agent" ? { tunnelPort: FAR.tunnel } : {}),
    });
    try {
      await act(setting);
    } finally {
      await setting.stop();
    }
  } finally {
    await lines.stop();
  }
}

async function measure(
  setting: Setting,
  { rttMs, leg, bytes }: Pick<Measured, "rttMs" | "leg" | "bytes">,
  plan: Plan,
): Promise<Measured> {
  const client = setting.client();
  const logins = {
    ours: await loginSeconds(client, wayOf("ours", leg)),
    peer: await loginSeconds(client, wayOf("peer", leg)),
  };
  const rounds = await takeRounds(KEYS, plan, async (key) => {
    const [side = "", direction] = key.split(" ");
    const way = wayOf(side, leg);
    await whenQuiet(plan.quietMs);
    return await takeSample(setting.groups, () =>
      direction === "up" ? client.upload(way, bytes) : client.download(way, bytes),
    );
  });
  return { rttMs, leg, bytes, logins, rounds };
}

const LOGINS = 3;

async function loginSeconds(client: BenchClient, way: string): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < LOGINS; i += 1) {
    const from = performance.now();
    await client.run(way, "true");
    seconds.push((performance.now() - from) / 1000);
  }
  return median(seconds);
}

const STREAMS = 4;
const LOOK_MS = 50;

/** How far the proxy grows above what it was, at the worst moment, for each of some streams at once. */
async function memoryPerStream(setting: Setting, { share }: Plan): Promise<number> {
  const client = setting.client();
  const { pid } = setting.product.proxy;
  const before = residentBytes(pid);
  let peak = before;
  const looking = new AbortController();
  async function look(): Promise<void> {
    while (!looking.signal.aborted) {
      peak = Math.max(peak, residentBytes(pid));
      await sleep(LOOK_MS);
    }
  }
  const looks = look();
  await Promise.all(Array.from({ length: STREAMS }, () => client.download(TARGET, 32 * MIB * share)));
  looking.abort();
  await looks;
  return (peak - before) / STREAMS / MIB;
}

function memoryRow(perStream: number): Row {
  return {
    what: "proxy memory a stream, 150 ms",
    unit: "MiB",
    ours: perStream,
    goal: { atMost: 24 },
    judged: exactly(perStream),
  };
}

function rowsOf({ rttMs, leg, bytes, logins, rounds }: Measured, peer: string): Row[] {
  return (["up", "down"] as const).map((direction) => {
    function rates(side: "ours" | "peer"): number[] {
      return rounds.kept.map((round) => bytes / MIB / (round[`${side} ${direction}`].seconds - logins[side]));
    }
    const [ours, theirs] = [rates("ours"), rates("peer")];
    return {
      what: `${rttMs} ms ${leg} leg ${direction}`,
      unit: "MiB/s",
      ours: median(ours),
      peer: { name: peer, value: median(theirs) },
      ratio: ratioOf(ours, theirs),
      goal: { atLeast: 0.98 },
    };
  });
}
