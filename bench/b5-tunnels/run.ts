/**
 * B5: what ten thousand idle tunnels weigh in one proxy, and whether the people who
 * log in beside them notice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createAgentCrowd, createPlainCrowd, crowdClusters } from "../lab/crowds.ts";
import type { Crowd } from "../lab/crowds.ts";
import { TARGET } from "../lab/estate.ts";
import { startSetting } from "../lab/setting.ts";
import type { RunOptions, Setting } from "../lab/setting.ts";
import { createCpuGroup, proportionalBytes, residentBytes } from "../measure/cpu.ts";
import type { CpuGroup } from "../measure/cpu.ts";
import type { Report, Row } from "../measure/report.ts";
import { takeRounds } from "../measure/rounds.ts";
import { takeSample } from "../measure/sample.ts";
import { exactly, quantile, quantileOf, ratioOf } from "../measure/statistics.ts";

const TUNNELS_PER_AGENT = 2;
const PLAN = { agents: 5000, logins: 120, idleMs: 30_000, sshd: 100 };
const QUICK = { agents: 500, logins: 15, idleMs: 8_000, sshd: 20 };
/** What the handshakes left behind is collected; what is left is what a pod is billed for. */
const SETTLE_MS = 5_000;
const KIB = 1024;
const MIB = 1024 * KIB;

interface Measured {
  readonly tunnels: number;
  readonly emptyBytes: number;
  readonly fullBytes: number;
  /** Share of one core. */
  readonly idle: number;
  readonly sshdBytes: number;
  readonly emptyLogins: Logins;
  readonly fullLogins: Logins;
}

interface Logins {
  readonly milliseconds: readonly number[];
  /** Those of them that were disturbed by other work on the machine. */
  readonly disturbed: number;
}

export async function tunnelsReport({ quick }: RunOptions): Promise<Report> {
  const plan = quick ? QUICK : PLAN;
  const setting = await startSetting({ clusters: crowdClusters(plan.agents) });
  const group = createCpuGroup("crowd");
  const crowd = createAgentCrowd(setting.estate, plan.agents, group);
  try {
    const measured = await measure({ setting, crowd, group }, plan);
    const sshdBytes = await bytesPerSshdConnection(setting, plan.sshd, group);
    return report({ ...measured, sshdBytes }, plan.idleMs, setting.path("p1").title.replace(" -R", ""));
  } finally {
    await crowd.stop();
    await setting.stop();
  }
}

interface Scene {
  readonly setting: Setting;
  readonly crowd: Crowd;
  /** Where the crowd's own processor time is counted. */
  readonly group: CpuGroup;
}

async function measure(scene: Scene, plan: typeof PLAN): Promise<Omit<Measured, "sshdBytes">> {
  const { setting, crowd } = scene;
  const { pid } = setting.product.proxy;
  await logins(scene, 3);
  const emptyLogins = await logins(scene, plan.logins);
  const emptyBytes = residentBytes(pid);
  const { members } = await crowd.start();
  await sleep(SETTLE_MS);
  const fullBytes = residentBytes(pid);
  const idle = await idleShare(setting.proxyGroup, plan.idleMs);
  const fullLogins = await logins(scene, plan.logins);
  const { up } = await crowd.count();
  if (up < members) throw new Error(`bench: ${members - up} of ${members} agents have lost their tunnels`);
  return { tunnels: members * TUNNELS_PER_AGENT, emptyBytes, fullBytes, idle, emptyLogins, fullLogins };
}

async function idleShare(group: CpuGroup, forMs: number): Promise<number> {
  const [before, from] = [group.seconds(), performance.now()];
  await sleep(forMs);
  return (group.seconds() - before) / ((performance.now() - from) / 1000);
}

async function logins({ setting, group }: Scene, count: number): Promise<Logins> {
  const client = setting.client();
  const parts = [...setting.groups, group];
  const { kept, disturbed } = await takeRounds(["login"], { rounds: count, extra: count / 2 }, () =>
    takeSample(parts, () => client.run(TARGET, "true")),
  );
  return { milliseconds: kept.map(({ login }) => login.seconds * 1000), disturbed };
}

/** sshd's processes of one idle connection; shared pages count once among all. */
async function bytesPerSshdConnection(
  setting: Setting,
  connections: number,
  group: CpuGroup,
): Promise<number> {
  const before = memoryOf(setting.peerGroup);
  const crowd = createPlainCrowd(setting.estate, connections, group);
  try {
    await crowd.start();
    return (memoryOf(setting.peerGroup) - before) / connections;
  } finally {
    await crowd.stop();
  }
}

function memoryOf(group: CpuGroup): number {
  return group.processes().reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

function report(measured: Measured, idleMs: number, peer: string): Report {
  const { tunnels, emptyBytes, fullBytes, idle, sshdBytes, emptyLogins, fullLogins } = measured;
  const each = (fullBytes - emptyBytes) / tunnels;
  const p95 = quantileOf(0.95);
  const [full, empty] = [fullLogins.milliseconds, emptyLogins.milliseconds];
  const loginRatio = ratioOf(full, empty, p95);
  const disturbed = fullLogins.disturbed + emptyLogins.disturbed;
  const rows: Row[] = [
    {
      what: `memory a tunnel, of ${tunnels}`,
      unit: "KiB",
      ours: each / KIB,
      peer: { name: `${peer} (PSS)`, value: sshdBytes / KIB },
      ratio: exactly(each / sshdBytes),
      goal: { atMost: 1 / 25 },
    },
    absolute("memory a tunnel", "KiB", each / KIB, 72),
    absolute("the whole proxy", "MiB", fullBytes / MIB, 850),
    absolute(`idle CPU over ${idleMs / 1000} s`, "% of a core", idle * 100, 10),
    {
      what: "login p95 beside them",
      unit: "ms",
      ours: quantile(full, 0.95),
      peer: { name: "ours, without them", value: quantile(empty, 0.95) },
      ratio: loginRatio,
      goal: { atMost: 1.5 },
    },
  ];
  return {
    title: "B5 idle tunnels",
    rows,
    notes: [
      `${tunnels / TUNNELS_PER_AGENT} agents of 2 tunnels each, every one with a certificate, control channel and keepalive`,
      ...(disturbed === 0 ? [] : [`${disturbed} logins were disturbed by other work on the machine`]),
    ],
    raw: measured,
  };
}

function absolute(what: string, unit: string, ours: number, atMost: number): Row {
  return { what, unit, ours, goal: { atMost }, judged: exactly(ours) };
}
