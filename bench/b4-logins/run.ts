/** B4: what a login costs the server, and how many it takes a second, against sshd in the same run. */
import { publicLine } from "../lab/estate.ts";
import { identityText, startLoad } from "../lab/load.ts";
import { SSH_PORT } from "../lab/product.ts";
import { LOGIN } from "../lab/sandbox.ts";
import { P1, startSetting } from "../lab/setting.ts";
import type { RunOptions, Setting } from "../lab/setting.ts";
import { createCpuGroup } from "../measure/cpu.ts";
import { takeRounds } from "../measure/rounds.ts";
import type { Rounds } from "../measure/rounds.ts";
import type { Report } from "../measure/report.ts";
import { takeSample, whenQuiet } from "../measure/sample.ts";
import type { Sample } from "../measure/sample.ts";
import { median, ratioOf } from "../measure/statistics.ts";
import type { LoginOrders, LoginResult } from "./client.ts";

const PARALLEL = 16;
const PLAN = { logins: 500, rounds: 7, extra: 5, quietMs: 5_000 };
const QUICK = { logins: 80, rounds: 3, extra: 0, quietMs: 250 };

type Side = "ours" | "p1";
const PORTS: Readonly<Record<Side, number>> = { ours: SSH_PORT, p1: P1.jumpPort };
const SERVERS: Readonly<Record<Side, string>> = { ours: "ours-proxy", p1: "p1-proxy" };

export async function loginReport({ quick }: RunOptions): Promise<Report> {
  const plan = quick ? QUICK : PLAN;
  const setting = await startSetting();
  const group = createCpuGroup("logins");
  const orders: LoginOrders = {
    user: LOGIN,
    identity: identityText(setting.estate.user),
    hostKey: publicLine(setting.estate.proxyHost),
    parallel: PARALLEL,
  };
  const load = startLoad("b4-logins/client.ts", orders, group);
  try {
    async function logIn(side: Side): Promise<Sample> {
      let result: LoginResult | undefined;
      await whenQuiet(plan.quietMs);
      const sample = await takeSample([...setting.groups, group], async () => {
        load.tell(`go ${PORTS[side]} ${plan.logins}`);
        result = (await load.next()) as LoginResult;
      });
      // Without the way of our question to the load generator and back.
      return { ...sample, seconds: result?.seconds ?? Number.NaN };
    }
    // Compiled code and warm caches, as in a pod that has run since morning.
    for (const side of ["ours", "p1"] as const) await logIn(side);
    const rounds = await takeRounds<Side>(["ours", "p1"], plan, logIn);
    return report(setting, rounds, plan.logins);
  } finally {
    await load.stop();
    await setting.stop();
  }
}

function report(setting: Setting, rounds: Rounds<Side>, logins: number): Report {
  function cost(side: Side): number[] {
    return rounds.kept.map((round) => ((round[side].cpu[SERVERS[side]] ?? Number.NaN) / logins) * 1000);
  }
  function rate(side: Side): number[] {
    return rounds.kept.map((round) => logins / round[side].seconds);
  }
  const peer = setting.path("p1").title.replace(" -R", "");
  const client = median(rounds.kept.map(({ ours }) => ((ours.cpu["logins"] ?? Number.NaN) / logins) * 1000));
  return {
    title: "B4 login cost",
    rows: [
      {
        what: "server CPU a login",
        unit: "ms",
        ours: median(cost("ours")),
        peer: { name: peer, value: median(cost("p1")) },
        ratio: ratioOf(cost("ours"), cost("p1")),
        goal: { atMost: 0.25 },
      },
      {
        what: `logins, ${PARALLEL} at a time`,
        unit: "/s",
        ours: median(rate("ours")),
        peer: { name: peer, value: median(rate("p1")) },
        ratio: ratioOf(rate("ours"), rate("p1")),
        goal: { atLeast: 3 },
      },
    ],
    notes: [
      ...setting.notes,
      `${logins} logins a round; the client, which shares the cores, takes ${client.toFixed(1)} ms of CPU a login`,
      ...(rounds.disturbed === 0
        ? []
        : [`${rounds.disturbed} rounds were disturbed by other work on the machine`]),
    ],
    raw: { logins, rounds: rounds.all },
  };
}
