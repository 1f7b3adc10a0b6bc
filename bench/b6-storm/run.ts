/**
 * B6: the proxy is killed with two thousand agents attached and starts again at
 * once. How long until nearly all are reachable, and can people log in meanwhile?
 */
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@teleport-access/testkit";
import { createAgentCrowd, createPlainCrowd, crowdClusters } from "../lab/crowds.ts";
import type { Crowd } from "../lab/crowds.ts";
import type { CrowdCount } from "../lab/crowd.ts";
import { whenListening } from "../lab/processes.ts";
import type { BenchProcess } from "../lab/processes.ts";
import { HEALTH_PORT, SSH_PORT } from "../lab/product.ts";
import { startSetting } from "../lab/setting.ts";
import type { RunOptions, Setting } from "../lab/setting.ts";
import { createCpuGroup, killGroup } from "../measure/cpu.ts";
import type { Report } from "../measure/report.ts";
import { exactly, quantile, ratioOf } from "../measure/statistics.ts";

const PLAN = { agents: 2000, rounds: 2 };
const QUICK = { agents: 200, rounds: 1 };
const REACHABLE = 0.99;
const LONGEST_MS = 180_000;
/** A person tries to log in this often while the storm lasts. */
const LOGIN_EVERY_MS = 400;
/** A login that is refused counts as one that never came. */
const FAILED_MS = 30_000;

interface Storm {
  /** Milliseconds from the kill until each agent was reachable again. */
  readonly back: readonly number[];
  /** Of people's logins meanwhile; only ours. */
  readonly logins: readonly number[];
}

interface Facts {
  readonly agents: number;
  readonly peerName: string;
}

export async function stormReport({ quick }: RunOptions): Promise<Report> {
  const { agents, rounds } = quick ? QUICK : PLAN;
  const group = createCpuGroup("crowd");
  const ours: Storm[] = [];
  const peer: Storm[] = [];
  let peerName = "";
  for (let round = 0; round < rounds; round += 1) {
    const setting = await startSetting({ clusters: crowdClusters(agents) });
    peerName = setting.path("p1").title.replace(" -R", "");
    try {
      ours.push(
        await withCrowd(createAgentCrowd(setting.estate, agents, group), (c) => ourStorm(setting, c)),
      );
      peer.push(
        await withCrowd(createPlainCrowd(setting.estate, agents, group), (c) => peerStorm(setting, c)),
      );
    } finally {
      await setting.stop();
    }
  }
  return report(ours, peer, { agents, peerName });
}

async function withCrowd(crowd: Crowd, act: (crowd: Crowd) => Promise<Storm>): Promise<Storm> {
  try {
    await crowd.start();
    await crowd.mark();
    return await act(crowd);
  } finally {
    await crowd.stop();
  }
}

async function ourStorm(setting: Setting, crowd: Crowd): Promise<Storm> {
  killGroup(setting.proxyGroup);
  const proxy = setting.product.restartProxy();
  const over = new AbortController();
  const logins = logInMeanwhile(setting, () => whenReady(proxy), over.signal);
  const { back } = await whenBack(crowd);
  over.abort();
  return { back, logins: await logins };
}

async function peerStorm(setting: Setting, crowd: Crowd): Promise<Storm> {
  killGroup(setting.peerGroup);
  await setting.p1.restartJump();
  const { back } = await whenBack(crowd);
  return { back, logins: [] };
}

async function whenBack(crowd: Crowd): Promise<CrowdCount> {
  return await until(
    "the agents' return",
    async () => {
      const count = await crowd.count();
      return count.back.length >= count.members * REACHABLE && count;
    },
    { deadlineMs: LONGEST_MS, everyMs: 50 },
  );
}

/** Kubernetes sends people to a pod that says it is ready, not to one that listens. */
async function whenReady(proxy: BenchProcess): Promise<void> {
  await whenListening(SSH_PORT, proxy);
  const health = `http://127.0.0.1:${HEALTH_PORT}/readyz`;
  await until("readiness", async () => (await fetch(health)).ok, { deadlineMs: 20_000, everyMs: 20 });
}

/** Logs in again and again, once the proxy is ready, until it is over. */
async function logInMeanwhile(
  setting: Setting,
  open: () => Promise<void>,
  over: AbortSignal,
): Promise<number[]> {
  const client = setting.client();
  const milliseconds: number[] = [];
  await open();
  do {
    const from = performance.now();
    await client.run("proxy", "targets").then(
      () => milliseconds.push(performance.now() - from),
      () => milliseconds.push(FAILED_MS),
    );
    await sleep(LOGIN_EVERY_MS);
  } while (!over.aborted);
  return milliseconds;
}

function report(ours: readonly Storm[], peer: readonly Storm[], { agents, peerName }: Facts): Report {
  function reachable(storms: readonly Storm[]): number[] {
    return storms.map(
      ({ back }) => back.toSorted((a, b) => a - b)[Math.ceil(agents * REACHABLE) - 1] ?? Infinity,
    );
  }
  const [mine, theirs] = [reachable(ours), reachable(peer)];
  const seconds = quantile(mine, 0.5) / 1000;
  const logins = ours.flatMap((storm) => storm.logins);
  const slowest = quantile(logins, 0.95);
  return {
    title: "B6 reconnect storm",
    rows: [
      {
        what: `99 % of ${agents} agents reachable`,
        unit: "s",
        ours: seconds,
        peer: { name: peerName, value: quantile(theirs, 0.5) / 1000 },
        ratio: ratioOf(mine, theirs),
        goal: { atMost: 0.4 },
      },
      { what: "the same", unit: "s", ours: seconds, goal: { atMost: 20 }, judged: exactly(seconds) },
      {
        what: `people's logins meanwhile p95, of ${logins.length}`,
        unit: "ms",
        ours: slowest,
        goal: { atMost: 2000 },
        judged: exactly(slowest),
      },
    ],
    notes: [
      "ours: the real agent, two tunnels each, reachable with the first; the peer's: one SSH connection each, without its -R, which is kinder to sshd",
      "both come back at the agent's pace (cluster-agent/src/redial-pace.ts); the server starts again at once after kill -9",
      ...(logins.includes(FAILED_MS)
        ? [`${logins.filter((ms) => ms === FAILED_MS).length} logins were refused`]
        : []),
    ],
    raw: { ours, peer },
  };
}
