/**
 * Many agents in one process, so that their own weight is nobody's: ours are the
 * real agent's code with its coverage, its control channel and its back-off, each
 * from an address of its own; the peer's are SSH connections to sshd that come back
 * at the same pace, as autossh would bring `ssh -N -R` back, but lighter.
 *
 *   node bench/lab/crowd.ts <orders>
 *
 * Words on stdin, one JSON line back for each: `start` (resolves when all are up),
 * `mark` (from now on, who goes down and comes back?), `count`.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { RedialPace, startAgent } from "@teleport-access/cluster-agent";
import { createLogger } from "@teleport-access/daemon";
import { connectSsh, SshError, startSsh2 } from "@teleport-access/ssh";
import { until } from "@teleport-access/testkit";
import { parseAgentConfig } from "@teleport-access/wire";
import { dialFrom, identityOf, keyOf } from "./load.ts";
import type { IdentityText } from "./load.ts";

export interface CrowdMember {
  /** An agent of ours with this configuration; without one, a plain connection. */
  readonly config?: object;
  readonly identity: IdentityText;
}

export interface CrowdOrders {
  readonly port: number;
  readonly hostKey: string;
  /** The user name of plain connections. */
  readonly user: string;
  readonly members: readonly CrowdMember[];
}

/** The answer to every word. */
export interface CrowdCount {
  readonly members: number;
  readonly up: number;
  /** Milliseconds after the mark at which each came back. */
  readonly back: readonly number[];
}

/** As many are on their way at once: the ramp is not what is measured, and strangers are bounded. */
const RAMP = 48;
const RAMP_MS = 240_000;
const CONNECT_MS = 15_000;

let markedAt = 0;

/** One member: is it up, and when did it come back? */
class Member {
  up = false;
  #wasDown = false;
  backAfter: number | undefined;

  set(up: boolean): void {
    if (this.up && !up) this.#wasDown = true;
    if (!this.up && up && this.#wasDown) this.backAfter ??= performance.now() - markedAt;
    this.up = up;
  }

  mark(): void {
    this.#wasDown = false;
    this.backAfter = undefined;
  }
}

function startOurs(orders: CrowdOrders, { config, identity }: CrowdMember, serial: number): Member {
  const member = new Member();
  const agent = startAgent({
    config: parseAgentConfig(config),
    identity: identityOf(identity),
    apiServer: [],
    podName: `crowd-${serial}`,
    log: createLogger({ program: "crowd", level: "silent" }),
    connect: async (options) =>
      await connectSsh({ ...options, transport: await dialFrom(serial, orders.port) }),
    changed: () => {
      setImmediate(() => {
        member.set(agent.notReady().length === 0);
      });
    },
  });
  return member;
}

function startPlain(orders: CrowdOrders, { identity }: CrowdMember, serial: number): Member {
  const member = new Member();
  const pace = new RedialPace({ now: () => performance.now(), random: Math.random });
  function again(): void {
    member.set(false);
    setTimeout(() => void dial(), pace.next());
  }
  async function dial(): Promise<void> {
    try {
      const connection = await connectSsh({
        host: "127.0.0.1",
        port: orders.port,
        transport: await dialFrom(serial, orders.port),
        user: orders.user,
        identity: identityOf(identity),
        hostKeyPins: [keyOf(orders.hostKey)],
        timeoutMs: CONNECT_MS,
      });
      connection.onClose(() => {
        pace.lost();
        again();
      });
      pace.reset();
      member.set(true);
    } catch (error) {
      pace.failed(error instanceof SshError && error.code === "SSH_UNREACHABLE");
      again();
    }
  }
  void dial();
  return member;
}

async function startAll(orders: CrowdOrders, members: Member[]): Promise<void> {
  let serial = 0;
  for (const order of orders.members) {
    await until("the ramp", () => members.filter(({ up }) => !up).length < RAMP, {
      deadlineMs: RAMP_MS,
      everyMs: 5,
    });
    const start = order.config === undefined ? startPlain : startOurs;
    members.push(start(orders, order, serial));
    serial += 1;
  }
  await until("everybody", () => members.every(({ up }) => up), { deadlineMs: RAMP_MS, everyMs: 50 });
}

function countOf(members: readonly Member[]): CrowdCount {
  return {
    members: members.length,
    up: members.filter(({ up }) => up).length,
    back: members.flatMap(({ backAfter }) => backAfter ?? []),
  };
}

async function obey(word: string, orders: CrowdOrders, members: Member[]): Promise<void> {
  if (word === "start") await startAll(orders, members);
  if (word === "mark") {
    markedAt = performance.now();
    for (const member of members) member.mark();
  }
}

if (import.meta.main) {
  await startSsh2();
  const orders = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as CrowdOrders;
  const members: Member[] = [];
  for await (const word of createInterface({ input: process.stdin })) {
    await obey(word, orders, members);
    console.log(JSON.stringify(countOf(members)));
  }
}
