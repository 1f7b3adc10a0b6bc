/**
 * B13: the forward form, where SSH ends at the proxy and begins again towards the
 * target, relative to a direct connection in the same run; the peer is Warpgate by
 * its known ratio to direct (warpgate.ts).
 */
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { startEcho, whenSaid } from "../b7-keystrokes/echo.ts";
import { TARGET } from "../lab/estate.ts";
import { SSH_PORT } from "../lab/product.ts";
import { LOGIN } from "../lab/sandbox.ts";
import { startSetting } from "../lab/setting.ts";
import type { RunOptions, Setting } from "../lab/setting.ts";
import { AGENT_SOCKET, startSshAgent } from "../lab/ssh-agent.ts";
import type { BenchClient, Way } from "../lab/ssh-client.ts";
import { residentBytes } from "../measure/cpu.ts";
import { takeRounds } from "../measure/rounds.ts";
import type { Rounds } from "../measure/rounds.ts";
import type { Report, Row } from "../measure/report.ts";
import { takeSample, whenQuiet } from "../measure/sample.ts";
import type { Sample } from "../measure/sample.ts";
import { exactly, median, ratioOf } from "../measure/statistics.ts";
import type { Goal } from "../measure/statistics.ts";
import { besideDirect, CPU_DOWN, CPU_UP, DOWN, ECHO, SESSION_KIB, SET_UP, UP } from "./warpgate.ts";
import type { KnownPeer } from "./warpgate.ts";

/** What Warpgate's figures were taken with. */
const CIPHER = "aes256-gcm@openssh.com";
const MB = 1_000_000;
const KIB = 1024;

interface Plan {
  readonly rounds: number;
  readonly extra: number;
  readonly bytes: number;
  readonly logins: number;
  readonly keys: number;
  readonly sessions: number;
  readonly quietMs: number;
}

const PLAN: Plan = {
  ...{ rounds: 5, extra: 3, bytes: 512 * MB, logins: 40, keys: 300, sessions: 100 },
  quietMs: 5_000,
};
const QUICK: Plan = {
  ...{ rounds: 2, extra: 0, bytes: 96 * MB, logins: 8, keys: 60, sessions: 20 },
  quietMs: 250,
};

const WAYS: readonly Way[] = [
  { host: "forward", port: SSH_PORT, target: false, user: `${LOGIN}@${TARGET}`, agent: AGENT_SOCKET },
];

const SIDES = ["forward", "direct"] as const;
type Side = (typeof SIDES)[number];
type TransferKey = `${Side} ${"up" | "down"}`;

interface Measured {
  readonly transfers: Rounds<TransferKey>;
  readonly logins: Rounds<Side>;
  readonly keys: Readonly<Record<Side, readonly number[]>>;
  readonly sessionBytes: number;
}

export async function forwardReport({ quick }: RunOptions): Promise<Report> {
  const plan = quick ? QUICK : PLAN;
  const setting = await startSetting({ ways: WAYS });
  try {
    const agent = await startSshAgent(setting);
    try {
      return report(await measure(setting, plan), plan);
    } finally {
      await agent.stop();
    }
  } finally {
    await setting.stop();
  }
}

async function measure(setting: Setting, plan: Plan): Promise<Measured> {
  const client = setting.client(CIPHER);
  for (const side of SIDES) {
    await client.download(side, plan.bytes / 4);
    await client.upload(side, plan.bytes / 4);
  }
  await whenQuiet(plan.quietMs);
  const logins = await takeRounds(SIDES, { rounds: plan.logins, extra: plan.extra }, (side) =>
    takeSample(setting.groups, () => client.run(side, "true")),
  );
  const transfers = await takeRounds(
    SIDES.flatMap((side): TransferKey[] => [`${side} up`, `${side} down`]),
    plan,
    async (key) => {
      const [side = "", direction] = key.split(" ");
      await whenQuiet(plan.quietMs);
      return await takeSample(setting.groups, () =>
        direction === "up" ? client.upload(side, plan.bytes) : client.download(side, plan.bytes),
      );
    },
  );
  const keys = { forward: await typed(client, "forward", plan), direct: await typed(client, "direct", plan) };
  return { transfers, logins, keys, sessionBytes: await bytesPerSession(setting, client, plan.sessions) };
}

async function typed(client: BenchClient, way: string, { keys, quietMs }: Plan): Promise<number[]> {
  await whenQuiet(quietMs);
  const echo = await startEcho(client, way);
  try {
    return await echo.type(keys);
  } finally {
    echo.stop();
  }
}

const SETTLE_MS = 3_000;

/** How much the proxy grows for each of some idle sessions, a quarter of them open before the first look. */
async function bytesPerSession(setting: Setting, client: BenchClient, sessions: number): Promise<number> {
  const { pid } = setting.product.proxy;
  const open: ChildProcess[] = [];
  async function openUntil(count: number): Promise<number> {
    while (open.length < count) {
      const session = client.start([], "forward", "echo open; exec cat");
      open.push(session);
      await whenSaid(session, "open");
    }
    await sleep(SETTLE_MS);
    return residentBytes(pid);
  }
  try {
    const before = await openUntil(sessions / 4);
    const after = await openUntil(sessions);
    return (after - before) / (sessions * 0.75);
  } finally {
    for (const session of open) session.kill("SIGKILL");
  }
}

function report(measured: Measured, plan: Plan): Report {
  const { transfers, logins, keys, sessionBytes } = measured;
  function setUp(side: Side): number[] {
    return logins.kept.map((round) => round[side].seconds * 1000);
  }
  const login = { forward: median(setUp("forward")) / 1000, direct: median(setUp("direct")) / 1000 };
  function rate(side: Side, direction: "up" | "down"): number[] {
    return samples(transfers, `${side} ${direction}`).map(
      ({ seconds }) => plan.bytes / MB / (seconds - login[side]),
    );
  }
  function cost(direction: "up" | "down"): number {
    const gigabytes = plan.bytes / MB / 1000;
    return median(samples(transfers, `forward ${direction}`).map(({ cpu }) => relayCpu(cpu) / gigabytes));
  }
  const ms = "ms";
  const rows: Row[] = [
    relative("down", "MB/s", [rate("forward", "down"), rate("direct", "down"), DOWN], { atLeast: 1.1 }),
    relative("up", "MB/s", [rate("forward", "up"), rate("direct", "up"), UP], { atLeast: 1.1 }),
    absolute("CPU down", "CPU-s/GB", [cost("down"), CPU_DOWN], { atMost: 0.5 }),
    absolute("CPU up", "CPU-s/GB", [cost("up"), CPU_UP], { atMost: 0.5 }),
    relative("set-up p50", ms, [setUp("forward"), setUp("direct"), SET_UP], { atMost: 1 }),
    relative("echo p50", ms, [keys.forward, keys.direct, ECHO], { atMost: 0.9 }),
    {
      what: "memory a session",
      unit: "KiB",
      ours: sessionBytes / KIB,
      peer: { name: "Warpgate, elsewhere", value: SESSION_KIB },
      ratio: exactly(sessionBytes / KIB / SESSION_KIB),
      goal: { atMost: 150 },
      judged: exactly(sessionBytes / KIB),
    },
    ...directRows(rate("direct", "down"), rate("direct", "up"), setUp("direct"), keys.direct),
  ];
  const disturbed = transfers.disturbed + logins.disturbed;
  return {
    title: "B13 forward form",
    rows,
    notes: [
      "Warpgate does not run here: its column is this run's direct connection times its known ratio to direct; CPU and memory are its figures as they were",
      "CPU is proxy and agent together, the tunnel hop included; ciphers: aes256-gcm from the client, the proxy's own choice behind",
      ...(disturbed === 0 ? [] : [`${disturbed} samples were disturbed by other work on the machine`]),
    ],
    raw: { transfers: transfers.all, logins: logins.all, keys, sessionBytes },
  };
}

function samples(rounds: Rounds<TransferKey>, key: TransferKey): Sample[] {
  return rounds.kept.map((round) => round[key]);
}

function relayCpu(cpu: Sample["cpu"]): number {
  return (cpu["ours-proxy"] ?? Number.NaN) + (cpu["ours-agent"] ?? Number.NaN);
}

/** Ours against what Warpgate would do beside this run's direct. */
function relative(
  what: string,
  unit: string,
  [ours, direct, known]: readonly [readonly number[], readonly number[], KnownPeer],
  goal: Goal,
): Row {
  const peer = besideDirect(known, direct);
  return {
    ...{ what, unit, goal },
    ours: median(ours),
    peer: { name: "Warpgate, as to direct", value: median(peer) },
    ratio: ratioOf(ours, peer),
  };
}

function absolute(what: string, unit: string, [ours, peer]: readonly [number, number], goal: Goal): Row {
  return {
    ...{ what, unit, goal, ours },
    peer: { name: "Warpgate, elsewhere", value: peer },
    ratio: exactly(ours / peer),
  };
}

function directRows(...[down, up, setUp, echo]: readonly (readonly number[])[]): Row[] {
  return [
    { what: "direct down", unit: "MB/s", ours: median(down ?? []) },
    { what: "direct up", unit: "MB/s", ours: median(up ?? []) },
    { what: "direct set-up p50", unit: "ms", ours: median(setUp ?? []) },
    { what: "direct echo p50", unit: "ms", ours: median(echo ?? []) },
  ];
}
