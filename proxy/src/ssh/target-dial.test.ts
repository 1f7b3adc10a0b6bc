import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { ChannelRefusedError, SshError } from "@teleport-access/ssh";
import type { SshChannel } from "@teleport-access/ssh";
import type { AuditEvent } from "@teleport-access/wire";
import type { Tunnel } from "../tunnel/registry.ts";
import { dialTarget } from "./target-dial.ts";
import type { Way } from "./target-dial.ts";

/** A tunnel whose agent answers when the test says so. */
interface FakeTunnel {
  readonly agent: string;
  readonly dial: PromiseWithResolvers<SshChannel>;
  asked: number;
}

interface World {
  readonly clock: ManualClock;
  readonly events: AuditEvent[];
  readonly tunnels: readonly FakeTunnel[];
  readonly way: Promise<Way>;
  /** The person has left. */
  readonly leave: () => void;
  /** `agent outcome reason elapsedMs` of each line. */
  readonly lines: () => string[];
}

/** Dials with as many tunnels as there are names; they are offered in this order. */
function start(...agents: readonly string[]): World {
  const clock = new ManualClock();
  const events: AuditEvent[] = [];
  const tunnels: FakeTunnel[] = agents.map((agent) => ({
    ...{ agent, dial: Promise.withResolvers<SshChannel>(), asked: 0 },
  }));
  const offered = tunnels.map((tunnel) => ({
    agent: tunnel.agent,
    open: () => {
      tunnel.asked += 1;
      return tunnel.dial.promise;
    },
  })) as unknown as readonly Tunnel[];
  let wanted = true;
  const way = dialTarget(
    {
      cluster: "prod",
      request: { host: "web-1", port: 22, user: "alice", sessionId: "s-1", clientAddress: "192.0.2.1" },
      form: "jump",
      line: { user: "alice", cluster: "prod", target: "web-1.prod" },
      wanted: () => wanted,
    },
    {
      tunnels: { leastBusy: (_cluster, asked = []) => offered.find((one) => !asked.includes(one)) },
      audit: { record: (event) => events.push(event) },
      clock,
    },
  );
  way.catch(() => undefined);
  return {
    ...{ clock, events, tunnels, way },
    leave: () => {
      wanted = false;
    },
    lines: () =>
      events.map(({ detail, outcome, reason = "", elapsedMs = 0 }) =>
        [String(detail?.agent), outcome, reason, elapsedMs].join(" "),
      ),
  };
}

function channel(): SshChannel & { destroyed: boolean } {
  const fake = {
    destroyed: false,
    destroy: () => {
      fake.destroyed = true;
    },
  };
  return fake as unknown as SshChannel & { destroyed: boolean };
}

function refusal(text: string): ChannelRefusedError {
  return new ChannelRefusedError("teleport-transport", 2, text);
}

describe("dialTarget()", () => {
  test("dialTarget() asks one agent, and nobody else while it may still answer", async () => {
    const { tunnels, way, clock, lines } = start("a", "b");
    clock.advance(1_900);
    const opened = channel();
    tunnels[0]?.dial.resolve(opened);
    assert.equal((await way).channel, opened);
    assert.equal(tunnels[1]?.asked, 0);
    assert.equal(clock.timers, 0);
    assert.deepEqual(lines(), ["a allowed  1900"]);
  });

  test("dialTarget() asks another agent after two seconds, takes the first that answers, and closes the other", async () => {
    const { tunnels, way, clock, lines } = start("a", "b");
    clock.advance(2_000);
    tunnels[1]?.dial.resolve(channel());
    assert.equal((await way).tunnel.agent, "b");
    const late = channel();
    tunnels[0]?.dial.resolve(late);
    await tunnels[0]?.dial.promise;
    assert.equal(late.destroyed, true);
    assert.deepEqual(lines(), ["b allowed  0", "a denied agent-silent 2000"]);
  });

  test("dialTarget() asks another agent at once when one cannot take it", async () => {
    for (const [error, reason] of [
      [refusal("draining"), "draining"],
      [refusal("too-many-channels"), "too-many-channels"],
      [new SshError("SSH_CONNECTION_CLOSED", "gone"), "tunnel-lost"],
      [new SshError("SSH_TIMEOUT", "no answer"), "agent-silent"],
    ] as const) {
      const { tunnels, way, lines } = start("a", "b");
      tunnels[0]?.dial.reject(error);
      tunnels[1]?.dial.resolve(channel());
      assert.equal((await way).tunnel.agent, "b");
      assert.deepEqual(lines(), [`a denied ${reason} 0`, "b allowed  0"]);
    }
  });

  test("dialTarget() takes an agent's word about the target, even when a slower one was not heard", async () => {
    for (const text of ["target-not-listed", "connection refused"]) {
      const { tunnels, way, clock } = start("a", "b", "c");
      clock.advance(2_000);
      const error = refusal(text);
      tunnels[1]?.dial.reject(error);
      await assert.rejects(way, error);
      assert.equal(tunnels[2]?.asked, 0);
    }
  });

  test("dialTarget() asks three at most, and ends with what the last one said", async () => {
    const { tunnels, way, clock } = start("a", "b", "c", "d");
    clock.advance(60_000);
    assert.deepEqual(
      tunnels.map(({ asked }) => asked),
      [1, 1, 1, 0],
    );
    const last = new SshError("SSH_TIMEOUT", "the last");
    tunnels[0]?.dial.reject(new SshError("SSH_TIMEOUT", "the first"));
    tunnels[1]?.dial.reject(new SshError("SSH_TIMEOUT", "the second"));
    tunnels[2]?.dial.reject(last);
    await assert.rejects(way, last);
  });

  test("dialTarget() asks nobody else for a person who has left", async () => {
    const { tunnels, way, clock, leave } = start("a", "b");
    leave();
    clock.advance(2_000);
    const error = new SshError("SSH_TIMEOUT", "no answer");
    tunnels[0]?.dial.reject(error);
    await assert.rejects(way, error);
    assert.equal(tunnels[1]?.asked, 0);
  });
});
