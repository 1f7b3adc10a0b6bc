/**
 * B3: how long `ssh target true` takes, key exchange and certificate on both hops
 * included, beside the machine and at a distance.
 */
import { startDelayLines } from "../lab/distance.ts";
import { TARGET } from "../lab/estate.ts";
import { SSH_PORT } from "../lab/product.ts";
import { P1, startSetting, TARGET_PORT } from "../lab/setting.ts";
import type { RunOptions, Setting } from "../lab/setting.ts";
import type { Way } from "../lab/ssh-client.ts";
import { takeRounds } from "../measure/rounds.ts";
import type { Rounds } from "../measure/rounds.ts";
import type { Report, Row } from "../measure/report.ts";
import { takeSample, whenQuiet } from "../measure/sample.ts";
import { median, quantile, quantileOf, ratioOf } from "../measure/statistics.ts";
import type { Goal } from "../measure/statistics.ts";

const RTT_MS = 50;
const FAR_PROXY = 5023;
const FAR_JUMP = 5025;

/** The client's leg is the long one. */
const FAR_WAYS: readonly Way[] = [
  { host: "far-proxy", port: FAR_PROXY, target: false },
  { host: "far-ours", as: TARGET, port: 22, jump: "far-proxy", target: true },
  { host: "far-jump", port: FAR_JUMP, target: false },
  { host: "far-p1-plain", port: TARGET_PORT, jump: "far-jump", target: true },
];

const NEAR = ["ours", "p1", "p1-plain", "direct"] as const;
const FAR = ["far-ours", "far-p1-plain"] as const;

interface Plan {
  readonly near: number;
  readonly far: number;
  readonly quietMs: number;
}

const PLAN: Plan = { near: 200, far: 40, quietMs: 5_000 };
const QUICK: Plan = { near: 15, far: 4, quietMs: 250 };

export async function setUpReport({ quick }: RunOptions): Promise<Report> {
  const { near, far, quietMs } = quick ? QUICK : PLAN;
  const setting = await startSetting({ ways: FAR_WAYS });
  const lines = await startDelayLines(RTT_MS, [
    { listen: FAR_PROXY, to: SSH_PORT },
    { listen: FAR_JUMP, to: P1.jumpPort },
  ]);
  try {
    await whenQuiet(quietMs);
    const close = await logins(setting, NEAR, (name) => setting.path(name).way, near);
    const distant = await logins(setting, FAR, (name) => name, far);
    return report(setting, close, distant);
  } finally {
    await lines.stop();
    await setting.stop();
  }
}

async function logins<K extends string>(
  setting: Setting,
  names: readonly K[],
  wayOf: (name: K) => string,
  rounds: number,
): Promise<Rounds<K>> {
  const client = setting.client();
  // The first login of each way pays for cold caches.
  for (const name of names) await client.run(wayOf(name), "true");
  return await takeRounds(names, { rounds, extra: Math.ceil(rounds / 4) }, (name) =>
    takeSample(setting.groups, () => client.run(wayOf(name), "true")),
  );
}

function report(
  setting: Setting,
  near: Rounds<(typeof NEAR)[number]>,
  far: Rounds<(typeof FAR)[number]>,
): Report {
  function rowsAgainst(peer: (typeof NEAR)[number], goals: readonly [Goal, Goal] | undefined): Row[] {
    const ours = milliseconds(near, "ours");
    const theirs = milliseconds(near, peer);
    return [0.5, 0.95].map((q, index) => {
      const goal = goals?.[index];
      return {
        what: `near p${q * 100}`,
        unit: "ms",
        ours: quantile(ours, q),
        peer: { name: setting.path(peer).title, value: quantile(theirs, q) },
        ratio: ratioOf(ours, theirs, quantileOf(q)),
        ...(goal === undefined ? {} : { goal }),
      };
    });
  }
  const [farOurs, farPlain] = [milliseconds(far, "far-ours"), milliseconds(far, "far-p1-plain")];
  const rows: Row[] = [
    ...rowsAgainst("p1", [{ atMost: 0.5 }, { atMost: 0.65 }]),
    ...rowsAgainst("p1-plain", undefined),
    ...rowsAgainst("direct", undefined),
    {
      what: `${RTT_MS} ms away p50`,
      unit: "ms",
      ours: median(farOurs),
      peer: { name: setting.path("p1-plain").title, value: median(farPlain) },
      ratio: ratioOf(farOurs, farPlain),
      goal: { atMost: 0.75 },
    },
  ];
  const disturbed = near.disturbed + far.disturbed;
  const notes = [
    ...setting.notes,
    ...(disturbed === 0 ? [] : [`${disturbed} logins were disturbed by other work on the machine`]),
  ];
  return { title: "B3 session set-up", rows, notes, raw: { near: near.all, far: far.all } };
}

function milliseconds<K extends string>(rounds: Rounds<K>, name: K): number[] {
  return rounds.kept.map((round) => round[name].seconds * 1000);
}
