/** What goes wrong: who is struck how, who must not notice, and how long the others may take to. */
import { setTimeout as sleep } from "node:timers/promises";

import { until } from "@teleport-access/testkit";

import { TUNNELS } from "./estate.ts";
import type { Estate } from "./estate.ts";
import { signalTree } from "./program.ts";
import type { Transfer } from "./sessions.ts";

export interface Fault {
  readonly name: string;
  /** Transfers that must go on. */
  readonly survive: "all" | "some" | "none" | "any";
  /** From the strike until every transfer that ends has ended. */
  readonly endWithinMs: number;
  /** Strikes. Resolves with the milliseconds after which our programs had noticed, where that is the question. */
  strike(estate: Estate, transfers: readonly Transfer[]): Promise<number | undefined>;
  heal?(estate: Estate): Promise<void>;
}

/** A peer that is gone without a word has to be noticed in this time. */
const NOTICE_MS = 15_000;
/** A kill or a reset is seen at once; two cores and six processes need a moment. */
const AT_ONCE_MS = 3_000;
/** ssh's own keep-alive (3 × 3 s and one look), or ours, and a moment. */
const SILENCE_MS = 17_000;
/** Shorter than any keep-alive: nobody may be cut for it. */
const SHORT_STOP_MS = 4_000;

async function tunnelsAre(estate: Estate, count: number): Promise<number> {
  const from = performance.now();
  await until(`${count} tunnels`, async () => (await estate.metric("acme-0", "tunnels")) === count, {
    deadlineMs: NOTICE_MS,
    everyMs: 50,
  });
  return performance.now() - from;
}

/** How often a program has found out that a peer does not answer. */
function silences(text: string): number {
  return text.split("the peer does not answer").length - 1;
}

async function shortStop(pid: number): Promise<undefined> {
  signalTree(pid, "SIGSTOP");
  await sleep(SHORT_STOP_MS);
  signalTree(pid, "SIGCONT");
}

const FAULTS: readonly Fault[] = [
  {
    name: "kill -9 proxy",
    survive: "some",
    endWithinMs: AT_ONCE_MS,
    async strike(estate) {
      await estate.proxies.get("acme-1")?.program.stop("SIGKILL");
      estate.route(["acme-0"]);
      return undefined;
    },
    heal: (estate) => estate.startProxy("acme-1"),
  },
  {
    name: "stop proxy",
    survive: "some",
    endWithinMs: SILENCE_MS,
    async strike(estate) {
      const from = performance.now();
      const agent = estate.agents.get("agent-0");
      const before = silences(agent?.log() ?? "");
      estate.proxies.get("acme-1")?.program.signal("SIGSTOP");
      estate.route(["acme-0"]);
      await until("the agent to notice", () => silences(agent?.log() ?? "") >= before + 2, {
        deadlineMs: NOTICE_MS,
        everyMs: 20,
      });
      return performance.now() - from;
    },
    heal(estate) {
      estate.proxies.get("acme-1")?.program.signal("SIGCONT");
      estate.route(["acme-0", "acme-1"]);
      return Promise.resolve();
    },
  },
  {
    name: "drain proxy",
    survive: "some",
    // Sessions may finish first; then they are told.
    endWithinMs: 2 * AT_ONCE_MS,
    async strike(estate) {
      const stopped = estate.proxies.get("acme-1")?.program.stop("SIGTERM");
      estate.route(["acme-0"]);
      await stopped;
      return undefined;
    },
    heal: (estate) => estate.startProxy("acme-1"),
  },
  {
    name: "kill -9 agent",
    survive: "any",
    endWithinMs: AT_ONCE_MS,
    async strike(estate) {
      await estate.agents.get("agent-1")?.stop("SIGKILL");
      return undefined;
    },
    heal(estate) {
      estate.startAgent("agent-1");
      return Promise.resolve();
    },
  },
  {
    name: "stop agent",
    survive: "any",
    endWithinMs: SILENCE_MS,
    strike(estate) {
      estate.agents.get("agent-1")?.signal("SIGSTOP");
      return tunnelsAre(estate, TUNNELS / 2);
    },
    heal(estate) {
      estate.agents.get("agent-1")?.signal("SIGCONT");
      return Promise.resolve();
    },
  },
  {
    name: "kill -9 target",
    survive: "none",
    endWithinMs: AT_ONCE_MS,
    strike(estate) {
      signalTree(estate.sshd.pid, "SIGKILL");
      return Promise.resolve(undefined);
    },
    heal: (estate) => estate.startTarget(),
  },
  { name: "stop target 4 s", survive: "all", endWithinMs: 0, strike: (estate) => shortStop(estate.sshd.pid) },
  {
    name: "kill -9 client",
    survive: "some",
    endWithinMs: AT_ONCE_MS,
    strike(_estate, [first]) {
      first?.signal("SIGKILL");
      return Promise.resolve(undefined);
    },
  },
  {
    name: "stop client 4 s",
    survive: "all",
    endWithinMs: 0,
    async strike(_estate, [first]) {
      first?.signal("SIGSTOP");
      await sleep(SHORT_STOP_MS);
      first?.signal("SIGCONT");
      return undefined;
    },
  },
  ...(["people", "tunnels", "targets"] as const).map((name): Fault => ({
    name: `reset ${name}`,
    survive: "none",
    endWithinMs: AT_ONCE_MS,
    strike(estate) {
      estate.relay(name).reset();
      return Promise.resolve(undefined);
    },
  })),
  {
    name: "drop all of tunnels",
    survive: "none",
    endWithinMs: SILENCE_MS,
    strike(estate) {
      estate.relay("tunnels").stall();
      return tunnelsAre(estate, 0);
    },
    heal(estate) {
      estate.relay("tunnels").resume();
      return Promise.resolve();
    },
  },
  {
    name: "drop all of people",
    survive: "none",
    endWithinMs: SILENCE_MS,
    strike(estate) {
      estate.relay("people").stall();
      return Promise.resolve(undefined);
    },
    heal(estate) {
      // What the proxies still believe in is over when the network is back: their peers have left.
      estate.relay("people").resume();
      return Promise.resolve();
    },
  },
];

/** All of them, or those whose name contains `text`. */
export function faultsNamed(text: string): readonly Fault[] {
  return FAULTS.filter(({ name }) => name.includes(text));
}
