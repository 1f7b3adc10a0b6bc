/**
 * R7: one bad client hurts nobody. A person types and others log in while somebody attacks the proxy; the same without
 * the attack, right before it, is what it is compared with. The limits are those of production.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startEcho } from "../b7-keystrokes/echo.ts";
import { TARGET } from "../lab/estate.ts";
import { identityText, startLoad } from "../lab/load.ts";
import { SSH_PORT, WEB_PORT } from "../lab/product.ts";
import { startSetting } from "../lab/setting.ts";
import type { RunOptions, Setting } from "../lab/setting.ts";
import type { Way } from "../lab/ssh-client.ts";
import { createCpuGroup } from "../measure/cpu.ts";
import type { CpuGroup } from "../measure/cpu.ts";
import type { Report, Row } from "../measure/report.ts";
import { takeSample, whenQuiet } from "../measure/sample.ts";
import type { Sample } from "../measure/sample.ts";
import { median, quantile, quantileOf, ratioOf } from "../measure/statistics.ts";
import type { AttackOrders } from "./attacker.ts";
import { ATTACKS } from "./attacks.ts";
import type { Attack } from "./attacks.ts";

const PLAN = { rounds: 3, keys: 300, logins: 15, quietMs: 5_000 };
const QUICK = { rounds: 1, keys: 80, logins: 5, quietMs: 250 };
type Plan = typeof PLAN;

/** Until the attack is what its title says. */
const RAMP_MS = 6_000;
/** What the proxy holds of the last attack is given back. */
const AFTER_MS = 2_000;
/** What a login counts that was refused: longer than any that was let in. */
const REFUSED_MS = 10_000;

/** As the CRD has them. */
const LIMITS = { maxConnections: 5000, maxSessionsPerUser: 50, handshakesPerSecond: 50 };

interface Felt {
  readonly keys: number[];
  readonly logins: number[];
  readonly samples: Sample[];
}

interface Measured {
  readonly attack: Attack;
  readonly quiet: Felt;
  readonly attacked: Felt;
}

export async function abuseReport({ quick }: RunOptions): Promise<Report> {
  const plan = quick ? QUICK : PLAN;
  const setting = await startSetting({ limits: LIMITS, ways: people() });
  const group = createCpuGroup("attacker");
  try {
    const measured = ATTACKS.map((attack): Measured => ({ attack, quiet: nothing(), attacked: nothing() }));
    await feel(setting, [...setting.groups, group], plan, nothing());
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const one of measured) await takeRound(setting, group, plan, one);
    }
    return report(measured, plan);
  } finally {
    await setting.stop();
  }
}

/** So many that nobody comes again within a minute. */
const PEOPLE = 240;
let logins = 0;

/** People who log in, each from an address of their own. */
function people(): Way[] {
  return Array.from({ length: PEOPLE }, (_, index): Way[] => [
    { host: `proxy-${index}`, port: SSH_PORT, target: false, from: `127.3.0.${index + 1}` },
    { host: `person-${index}`, as: TARGET, port: 22, jump: `proxy-${index}`, target: true },
  ]).flat();
}

function nothing(): Felt {
  return { keys: [], logins: [], samples: [] };
}

async function takeRound(setting: Setting, group: CpuGroup, plan: Plan, measured: Measured): Promise<void> {
  const groups = [...setting.groups, group];
  await whenQuiet(plan.quietMs);
  await feel(setting, groups, plan, measured.quiet);
  const orders: AttackOrders = {
    attack: measured.attack.name,
    ports: { ssh: SSH_PORT, web: WEB_PORT },
    identity: identityText(setting.estate.other),
  };
  const attacker = startLoad("r7-abuse/attacker.ts", orders, group);
  try {
    await attacker.next();
    await sleep(RAMP_MS);
    await feel(setting, groups, plan, measured.attacked);
  } finally {
    await attacker.stop();
  }
  await sleep(AFTER_MS);
}

/** What a person feels: keys of a session that is open already or refused as everybody is, then logins one by one. */
async function feel(setting: Setting, groups: readonly CpuGroup[], plan: Plan, felt: Felt): Promise<void> {
  const client = setting.client();
  const sample = await takeSample(groups, async () => {
    const echo = await opened(setting);
    felt.keys.push(...(await echo.type(plan.keys)));
    for (let i = 0; i < plan.logins; i += 1) {
      const from = performance.now();
      const refused = await client.run(`person-${logins++ % PEOPLE}`, "true").then(
        () => false,
        () => true,
      );
      felt.logins.push(refused ? REFUSED_MS : performance.now() - from);
    }
    echo.stop();
  });
  felt.samples.push(sample);
}

/** A session to type in; who is refused tries again, since it is keys that are measured with it. */
async function opened(setting: Setting): Promise<Awaited<ReturnType<typeof startEcho>>> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await startEcho(setting.client(), TARGET);
    } catch (error) {
      if (tries === 20) throw error;
      await sleep(200);
    }
  }
}

function report(measured: readonly Measured[], plan: Plan): Report {
  const goal = { atMost: 2 };
  const rows = measured.flatMap(({ attack: { title }, quiet, attacked }): Row[] => [
    {
      ...{ what: `${title}: echo p99`, unit: "ms", goal, ours: quantile(attacked.keys, 0.99) },
      peer: { name: "quiet", value: quantile(quiet.keys, 0.99) },
      ratio: ratioOf(attacked.keys, quiet.keys, quantileOf(0.99)),
    },
    {
      ...{ what: `${title}: login p95`, unit: "ms", goal, ours: quantile(attacked.logins, 0.95) },
      peer: { name: "quiet", value: quantile(quiet.logins, 0.95) },
      ratio: ratioOf(attacked.logins, quiet.logins, quantileOf(0.95)),
    },
  ]);
  return {
    title: "R7 one bad client hurts nobody",
    rows,
    notes: [
      `${plan.rounds * plan.keys} keys and ${plan.rounds * plan.logins} logins in each state; a login that was refused counts ${REFUSED_MS / 1000} s`,
      "attackers run at nice 19: they have what victim, product and target leave of the machine",
      ...measured.map(noteOf),
    ],
    raw: measured,
  };
}

function noteOf({ attack, quiet, attacked }: Measured): string {
  function refused({ logins }: Felt): number {
    return logins.filter((ms) => ms === REFUSED_MS).length;
  }
  function share(name: string, { samples }: Felt): string {
    return (median(samples.map(({ cpu, seconds }) => (cpu[name] ?? 0) / seconds)) * 100).toFixed(0);
  }
  return (
    `${attack.name}: ${refused(attacked)} of ${attacked.logins.length} logins refused (quiet ${refused(quiet)}); ` +
    `of a core, proxy ${share("ours-proxy", attacked)} % (quiet ${share("ours-proxy", quiet)} %), attacker ${share("attacker", attacked)} %`
  );
}
