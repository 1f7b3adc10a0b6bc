/** Refusals and races of a jump; bytes through it are tested with stock OpenSSH in test/interop. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChannelRefusedError, SshError } from "@teleport-access/ssh";
import type { DirectTcpipRequest, SshChannel, SshConnection } from "@teleport-access/ssh";
import { createSessionRegistry } from "../sessions/registry.ts";
import type { Tunnel } from "../tunnel/registry.ts";
import type { Fixture } from "../world-fixture.test.ts";
import { certificateOf, createFixture, grantObject } from "../world-fixture.test.ts";
import type { UserIdentity } from "./authenticate.ts";
import { handleJump } from "./jump.ts";

const ADDRESS = "192.0.2.1";

interface World extends Fixture {
  /** What the client was told: `code text`. */
  readonly refusals: string[];
  readonly jump: (host: string, open?: () => Promise<SshChannel>) => Promise<void>;
  readonly reasons: () => string[];
}

function createWorld(maxSessionsPerUser = 50): World {
  const fixture = createFixture();
  const { store, clock, log, audit, events } = fixture;
  const refusals: string[] = [];
  const sessions = createSessionRegistry({
    world: (now) => store.world(now),
    ...{ clock, log },
    ended: (end) => {
      audit.record({ event: "session.end", outcome: "info", reason: end.reason });
    },
  });
  store.onChange((cause) => sessions.judge(cause));
  const certificate = certificateOf();
  const identity: UserIdentity = {
    ...{ user: "alice", certificate, source: ADDRESS, grants: [] },
    request: { kind: "authenticate", identity: { by: "certificate", certificate }, source: ADDRESS },
  };
  const connection = { identity, remoteAddress: ADDRESS } as SshConnection<UserIdentity>;
  function jump(host: string, open?: () => Promise<SshChannel>): Promise<void> {
    const channel: DirectTcpipRequest = {
      ...{ host, port: 22, originAddress: "127.0.0.1", originPort: 1 },
      accept: () => {
        throw new Error("was accepted");
      },
      refuse: (code, text) => refusals.push(`${code} ${text}`),
    };
    const tunnel = open === undefined ? undefined : ({ open, agent: "agent-0" } as unknown as Tunnel);
    const tunnels = {
      leastBusy: (_cluster: string, asked: readonly Tunnel[] = []) =>
        asked.length === 0 ? tunnel : undefined,
    };
    return handleJump(channel, connection, {
      store,
      sessions,
      tunnels,
      audit,
      clock,
      log,
      maxSessionsPerUser,
    });
  }
  return { ...fixture, refusals, jump, reasons: () => events.map((event) => event.reason ?? "") };
}

function agentSays(text: string, code = 1): () => Promise<SshChannel> {
  return () => Promise.reject(new ChannelRefusedError("teleport-transport", code, text));
}

describe("handleJump()", () => {
  test("handleJump() refuses what is no target", async () => {
    for (const host of ["localhost", "127.0.0.1..", "web 1.prod", "-x.prod", ""]) {
      const { jump, reasons } = createWorld();
      await jump(host);
      assert.deepEqual(reasons(), ["not-a-target"], host);
    }
  });

  test("handleJump() tells the person nothing that the decision did", async () => {
    const { jump, refusals, reasons } = createWorld();
    await jump("web-1.dev");
    assert.deepEqual(reasons(), ["cluster-not-trusted"]);
    assert.deepEqual(refusals, ["prohibited access denied"]);
  });

  test("handleJump() says when no agent is connected", async () => {
    const { jump, refusals, reasons } = createWorld();
    await jump("web-1.prod");
    assert.deepEqual(reasons(), ["no-tunnel"]);
    assert.deepEqual(refusals, ["connect-failed the cluster has no connected agent"]);
  });

  test("handleJump() keeps to the sessions that one person may have", async () => {
    const { jump, reasons } = createWorld(0);
    await jump("web-1.prod", agentSays("draining"));
    assert.deepEqual(reasons(), ["too-many-sessions"]);
  });

  test("handleJump() audits the agent's own words", async () => {
    for (const [open, want] of [
      [agentSays("target-not-listed"), "target-not-listed"],
      [agentSays("target-address-forbidden"), "target-address-forbidden"],
      [agentSays("cannot connect", 2), "target-unreachable"],
      [agentSays("anything else"), "target-unreachable"],
      [() => Promise.reject(new SshError("SSH_CONNECTION_CLOSED", "gone")), "tunnel-lost"],
      [() => Promise.reject(new SshError("SSH_TIMEOUT", "no answer")), "agent-silent"],
      [() => Promise.reject(new SshError("SSH_TOO_MANY_CHANNELS", "4096")), "too-many-channels"],
    ] as const) {
      const { jump, reasons, events } = createWorld();
      await jump("web-1.prod", open);
      assert.deepEqual(reasons(), [want, want, "failed"]);
      assert.deepEqual(
        [events[0]?.event, events[0]?.detail],
        ["target.dial", { form: "jump", agent: "agent-0" }],
      );
      assert.equal(events[0]?.target, "web-1.prod");
    }
  });

  test("handleJump() never connects a person whose access ended while the agent dialled", async () => {
    const { jump, refusals, reasons, remove } = createWorld();
    let destroyed = false;
    const far = {
      destroy: () => {
        destroyed = true;
      },
    } as unknown as SshChannel;
    await jump("web-1.prod", () => {
      remove("useraccesses", grantObject());
      return Promise.resolve(far);
    });
    assert.ok(destroyed);
    assert.deepEqual(reasons(), ["no-grant", ""], "the cut, and the dial that came too late");
    assert.deepEqual(refusals, ["prohibited access ended"]);
  });
});
