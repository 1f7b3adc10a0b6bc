import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { ChannelRefusedError, SshError } from "@teleport-access/ssh";
import type { SshChannel, SshConnection } from "@teleport-access/ssh";
import { encodeControlMessage } from "@teleport-access/wire";
import type { AgentMessage, ProxyMessage, TransportRequest } from "@teleport-access/wire";
import type { Fixture } from "../world-fixture.test.ts";
import { certificateOf, createFixture, HOST_CA, trustObject } from "../world-fixture.test.ts";
import { runTunnel } from "./connection.ts";
import { createTunnelRegistry } from "./registry.ts";
import type { Tunnel, TunnelIdentity, TunnelRegistry } from "./registry.ts";

const HELLO: AgentMessage = {
  ...{ type: "hello", version: 1, agent: "prod-agent-0", cluster: "prod" },
  userCAFingerprints: [],
  targets: [{ host: "web-1", ports: [22] }],
};

/** The agent's end of the control channel, without a wire. */
class FakeControl extends EventEmitter {
  readonly writable = true;
  writableLength = 0;
  readonly sent: ProxyMessage[] = [];

  write(line: Buffer): boolean {
    this.sent.push(JSON.parse(line.toString()) as ProxyMessage);
    return true;
  }
}

interface World extends Fixture {
  readonly tunnels: TunnelRegistry;
  readonly control: FakeControl;
  readonly ends: string[];
  readonly say: (message: AgentMessage) => void;
  readonly start: () => Promise<void>;
  readonly setReplicas: (...replicas: readonly string[]) => void;
  /** Dials that the agent has not answered. */
  readonly dials: PromiseWithResolvers<SshChannel>[];
}

function createWorld(refuseControl = false): World {
  const fixture = createFixture();
  const { store, clock, audit, log } = fixture;
  const tunnels = createTunnelRegistry(store, clock);
  const control = new FakeControl();
  const ends: string[] = [];
  const closing: (() => void)[] = [];
  const dials: PromiseWithResolvers<SshChannel>[] = [];
  function openDial(): Promise<SshChannel> {
    const dial = Promise.withResolvers<SshChannel>();
    dials.push(dial);
    return dial.promise;
  }
  const connection = {
    id: "c-1",
    remoteAddress: "192.0.2.9",
    identity: {
      ...{ cluster: "prod", trustUid: "u-trustedhostcas-prod", source: "192.0.2.9" },
      certificate: certificateOf({ type: "host", ca: HOST_CA, principals: ["prod"] }),
    },
    onClose: (listener: () => void) => closing.push(listener),
    end: (message: string) => {
      ends.push(message);
      for (const listener of closing.splice(0)) listener();
    },
    openChannel: (type: string) => {
      if (type === "teleport-transport") return openDial();
      return refuseControl
        ? Promise.reject(new ChannelRefusedError("teleport-control", 3, "unknown channel type"))
        : Promise.resolve(control as unknown as SshChannel);
    },
  } as unknown as SshConnection<TunnelIdentity>;
  let replicas: readonly string[] = ["acme-0", "acme-1"];
  const facts = { proxy: "acme", replica: "acme-0", replicas: () => replicas };
  return {
    ...{ ...fixture, tunnels, control, ends, dials },
    say: (message) => control.emit("data", encodeControlMessage(message)),
    setReplicas: (...names) => {
      replicas = names;
    },
    start: () =>
      runTunnel(connection, { tunnels, audit, clock, log, ...facts, fingerprints: () => ["SHA256:x"] }),
  };
}

const REQUEST: TransportRequest = {
  ...{ host: "web-1", port: 22, user: "alice", sessionId: "s-1", clientAddress: "192.0.2.1" },
};
const TIMED_OUT = new SshError("SSH_TIMEOUT", "no answer");

async function createTunnel(): Promise<World & { readonly tunnel: Tunnel }> {
  const world = createWorld();
  await world.start();
  world.say(HELLO);
  const tunnel = world.tunnels.leastBusy("prod");
  assert.ok(tunnel);
  return { ...world, tunnel };
}

describe("runTunnel()", () => {
  test("runTunnel() says hello with what it trusts, then which replicas there are", async () => {
    const { control, start } = createWorld();
    await start();
    assert.deepEqual(control.sent, [
      { type: "hello", version: 1, proxy: "acme", replica: "acme-0", hostCAFingerprints: ["SHA256:x"] },
      { type: "replicas", replicas: ["acme-0", "acme-1"] },
    ]);
  });

  test("runTunnel() tells an agent after its hello of replicas that changed before it, and only then", async () => {
    for (const changed of [true, false]) {
      const { control, start, say, setReplicas } = createWorld();
      await start();
      if (changed) setReplicas("acme-1");
      say(HELLO);
      const lists = control.sent.flatMap((message) =>
        message.type === "replicas" ? [message.replicas] : [],
      );
      assert.deepEqual(lists, [["acme-0", "acme-1"], ...(changed ? [["acme-1"]] : [])]);
    }
  });

  test("runTunnel() takes a tunnel into use after the agent's hello, and out of it at its end", async () => {
    const { tunnels, start, say, events, control } = createWorld();
    await start();
    assert.equal(tunnels.size, 0);
    say(HELLO);
    assert.deepEqual(tunnels.announcedTargets("prod"), HELLO.targets);
    say({ type: "targets", userCAFingerprints: [], targets: [] });
    assert.deepEqual(tunnels.announcedTargets("prod"), []);
    control.emit("close");
    assert.equal(tunnels.size, 0);
    assert.deepEqual(
      events.map(({ event, reason }) => [event, reason]),
      [
        ["tunnel.up", undefined],
        ["tunnel.down", "closed"],
      ],
    );
  });

  test("runTunnel() ends an agent that says hello for another cluster than its certificate's", async () => {
    const { tunnels, start, say, ends } = createWorld();
    await start();
    say({ ...HELLO, cluster: "dev" });
    assert.deepEqual(ends, ["wrong-cluster"]);
    assert.equal(tunnels.size, 0);
  });

  test("runTunnel() ends an agent that breaks the protocol, or does not say hello", async () => {
    const broken = createWorld();
    await broken.start();
    broken.control.emit("data", Buffer.from("not json\n"));
    assert.deepEqual(broken.ends, ["protocol-error"]);
    const silent = createWorld();
    await silent.start();
    silent.clock.advance(10_000);
    assert.deepEqual(silent.ends, ["no-hello"]);
  });

  test("runTunnel() ends an agent that does not read", async () => {
    const { tunnels, start, say, ends, control } = createWorld();
    await start();
    say(HELLO);
    control.writableLength = 2 ** 21;
    tunnels.broadcast({ type: "replicas", replicas: ["acme-0"] });
    assert.deepEqual(ends, ["protocol-error"]);
  });

  test("runTunnel() tells an agent of new host CAs once", async () => {
    const { tunnels, start, say, control, put } = createWorld();
    await start();
    say(HELLO);
    put("trustedhostcas", trustObject("prod", { maxTunnels: 2 }));
    tunnels.judge(["prod"]);
    tunnels.judge(["prod"]);
    assert.equal(control.sent.filter((message) => message.type === "authorities").length, 1);
  });

  test("runTunnel() calls a tunnel silent until its agent answers, be it with a refusal", async () => {
    const { tunnel, dials, clock, ends } = await createTunnel();
    const dial = tunnel.open(REQUEST);
    clock.advance(3_000);
    assert.deepEqual([tunnel.silent, tunnel.channels()], [true, 1]);
    const refusal = new ChannelRefusedError("teleport-transport", 2, "connection refused");
    dials[0]?.reject(refusal);
    await assert.rejects(dial, refusal);
    assert.deepEqual([tunnel.silent, tunnel.channels(), ends], [false, 0, []]);
  });

  test("runTunnel() ends a tunnel whose agent never answered, unless people have something open in it", async () => {
    for (const inUse of [false, true]) {
      const { tunnel, dials, ends, control } = await createTunnel();
      if (inUse) {
        const opened = tunnel.open(REQUEST);
        dials[0]?.resolve(new EventEmitter() as unknown as SshChannel);
        await opened;
      }
      const dial = tunnel.open(REQUEST);
      dials.at(-1)?.reject(TIMED_OUT);
      await assert.rejects(dial, TIMED_OUT);
      assert.deepEqual(ends, inUse ? [] : ["no-answer"]);
      control.emit("close");
    }
  });

  test("runTunnel() lets no more than sixteen people wait for an agent that never answered", async () => {
    const { tunnel, dials } = await createTunnel();
    const opened = tunnel.open(REQUEST);
    dials[0]?.resolve(new EventEmitter() as unknown as SshChannel);
    await opened;
    const missed = tunnel.open(REQUEST);
    dials[1]?.reject(TIMED_OUT);
    await assert.rejects(missed, TIMED_OUT);
    for (let i = 0; i < 16; i += 1) void tunnel.open(REQUEST);
    await assert.rejects(tunnel.open(REQUEST), { code: "SSH_TIMEOUT" });
    assert.equal(dials.length, 18, "the last one was not asked for");
  });

  test("runTunnel() ends a connection that takes no control channel", async () => {
    const { start, ends, tunnels } = createWorld(true);
    await start();
    assert.deepEqual(ends, ["control channel needed"]);
    assert.equal(tunnels.size, 0);
  });
});
