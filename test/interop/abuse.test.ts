/**
 * A hostile client, a hostile agent, a hostile proxy, around the real ones and over real sockets: whatever
 * they do, the process lives, what they may hold is bounded, and a person's session beside them goes on.
 * (How much slower it gets is not asserted here.)
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startAgent } from "@teleport-access/cluster-agent";
import { createLogger } from "@teleport-access/daemon";
import { createSshServer } from "@teleport-access/ssh";
import type { SshConnection } from "@teleport-access/ssh";
import { formatPublicKeyLine, generatePrivateKey, publicKeyOf, SshWriter } from "@teleport-access/sshcert";
import { until } from "@teleport-access/testkit";
import { MSG } from "../../packages/ssh/src/messages.ts";
import type { TestIdentity } from "../../packages/ssh/src/testing/certified.ts";
import { flood, openMessage } from "../../packages/ssh/src/testing/peer-fixture.ts";
import { message } from "../../packages/ssh/src/testing/raw-peer.ts";
import type { RawPeer } from "../../packages/ssh/src/testing/raw-peer.ts";
import { agentIdentity, connectAgent, connectPeer, say } from "./hostile-peers.ts";
import type { HostileAgent } from "./hostile-peers.ts";
import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

let world: ProxyWorld;
/** The hostile agent's cluster is trusted, as far as its own name goes. */
const EVIL_CA = generatePrivateKey("Ed25519");
before(async () => {
  world = await startProxyWorld();
  world.set("TrustedHostCA", "dev", {
    publicKeys: [formatPublicKeyLine(publicKeyOf(EVIL_CA))],
    principals: "Scoped",
    maxTunnels: 16,
  });
});
after(async () => {
  await world.close();
});

const HELLO = {
  type: "hello",
  version: 1,
  agent: "evil-agent-0",
  cluster: "dev",
  userCAFingerprints: [],
  targets: [],
};

/** An agent of cluster dev, which says hello or nothing yet. */
function evilAgent(hello?: object): Promise<HostileAgent> {
  return connectAgent(world.ports.tunnel, { cluster: "dev", ca: EVIL_CA, hello });
}

/** A person's session works from end to end. */
async function victimLives(): Promise<void> {
  const result = await world.client().run(`${world.login}@web-1.prod`, "echo alive");
  assert.equal(result.stdout, "alive\n", result.stderr);
}

describe("a hostile agent", () => {
  const BREAKS: readonly { readonly name: string; readonly act: (peer: RawPeer, control: number) => void }[] =
    [
      {
        name: "a hello without end",
        act: (peer, control) => {
          say(peer, control, "x".repeat(100_000));
        },
      },
      {
        name: "a hello of ten thousand targets",
        act: (peer, control) => {
          const targets = Array.from({ length: 10_000 }, (_, i) => ({ host: `h${i}`, ports: [] }));
          say(peer, control, `${JSON.stringify({ ...HELLO, targets })}\n`);
        },
      },
      {
        name: "another cluster's name",
        act: (peer, control) => {
          say(peer, control, `${JSON.stringify({ ...HELLO, cluster: "prod" })}\n`);
        },
      },
      {
        name: "announcements without end",
        act: (peer, control) => {
          say(peer, control, `${JSON.stringify(HELLO)}\n`);
          const line = `${JSON.stringify({ type: "targets", userCAFingerprints: [], targets: [] })}\n`;
          say(peer, control, line.repeat(400));
        },
      },
      {
        name: "a window grown over 2^32",
        act: (peer, control) => {
          for (let i = 0; i < 3; i += 1)
            peer.send(message(MSG.CHANNEL_WINDOW_ADJUST).u32(control).u32(0xffff_ffff));
        },
      },
      {
        name: "a confirmation of nothing",
        act: (peer) => {
          peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(4000).u32(1).u32(1000).u32(32_768));
        },
      },
      {
        name: "an end of its control channel",
        act: (peer, control) => {
          peer.send(message(MSG.CHANNEL_CLOSE).u32(control));
        },
      },
    ];
  for (const { name, act } of BREAKS)
    test(`is cut for ${name}`, async () => {
      const { peer, control } = await evilAgent();
      act(peer, control);
      await peer.closed;
      await victimLives();
    });

  test("opens nothing, however often it asks", async () => {
    const { peer } = await evilAgent(HELLO);
    for (const type of ["direct-tcpip", "session", "teleport-transport", "x"])
      for (let i = 0; i < 150; i += 1) peer.transport.send(openMessage(32_768, type, i));
    for (let i = 0; i < 600; i += 1) await peer.next(MSG.CHANNEL_OPEN_FAILURE);
    await victimLives();
    peer.transport.destroy();
  });
});

describe("a hostile person", () => {
  function alice(): TestIdentity {
    return { privateKey: world.keys.user, certificate: world.certificate() };
  }

  test("gets refusals by the thousand, and nobody else notices", async () => {
    const peer = await connectPeer(world.ports.ssh, "alice", alice());
    const target = new SshWriter().string("metadata.prod").u32(80).string("127.0.0.1").u32(1).done();
    const open = message(MSG.CHANNEL_OPEN)
      .string("direct-tcpip")
      .u32(0)
      .u32(1000)
      .u32(32_768)
      .raw(target)
      .done();
    for (let i = 0; i < 1000; i += 1) peer.transport.send(open);
    for (let i = 0; i < 1000; i += 1) peer.transport.send(openMessage(32_768, "tun@openssh.com"));
    await victimLives();
    peer.transport.destroy();
  });

  test("is cut when it asks and asks and does not read", async () => {
    const peer = await connectPeer(world.ports.ssh, "alice", alice());
    peer.transport.wire.pause();
    const ask = message(MSG.GLOBAL_REQUEST).string("keepalive@openssh.com").u8(1).done();
    await flood(peer, ask, 3_000_000);
    await peer.closed;
    await victimLives();
  });

  test("costs one window when the target talks and it does not listen", async () => {
    const before = process.memoryUsage().rss;
    const peer = await connectPeer(world.ports.ssh, "alice", alice());
    peer.transport.wire.pause();
    const target = new SshWriter().string("web-1.prod").u32(22).string("127.0.0.1").u32(1).done();
    for (let i = 0; i < 20; i += 1)
      peer.send(
        message(MSG.CHANNEL_OPEN).string("direct-tcpip").u32(i).u32(0xffff_ffff).u32(32_768).raw(target),
      );
    await victimLives();
    assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
    peer.transport.destroy();
  });
});

describe("a hostile proxy", () => {
  test("cannot make the agent dial, hurry or die", async () => {
    const hostKey = generatePrivateKey("Ed25519");
    const keys = [{ privateKey: hostKey }];
    const connections: SshConnection<string>[] = [];
    const server = createSshServer<string>({
      hostKeys: () => keys,
      authenticate: () => ({ accept: true, identity: "agent" }),
      connected: (connection) => connections.push(connection),
    });
    const port = await server.listen(0, "127.0.0.1");
    const agent = startAgent({
      config: {
        cluster: "dev",
        proxies: [
          {
            name: "evil",
            address: `127.0.0.1:${port}`,
            hostKeys: [formatPublicKeyLine(publicKeyOf(hostKey))],
            userCAKeys: [formatPublicKeyLine(publicKeyOf(world.keys.userCa))],
            suspend: false,
          },
        ],
        targets: [{ host: "web-1", ports: [22], address: `127.0.0.1:${world.sshd.port}` }],
      },
      identity: agentIdentity("dev", EVIL_CA),
      apiServer: [],
      podName: "prod-agent-9",
      log: createLogger({ program: "agent", level: "silent" }),
    });
    const first = await until("the agent", () => connections[0], { deadlineMs: 10_000, everyMs: 5 });
    for (const payload of [
      Buffer.alloc(0),
      Buffer.alloc(5000, 255),
      request("metadata", 80),
      request("web-1", 2222),
    ])
      await assert.rejects(first.openChannel("teleport-transport", payload), { code: "SSH_CHANNEL_REFUSED" });
    await assert.rejects(first.openChannel("session", Buffer.alloc(0)), { code: "SSH_CHANNEL_REFUSED" });
    const control = await first.openChannel("teleport-control", Buffer.alloc(0));
    const hello = { type: "hello", version: 1, proxy: "evil", replica: "evil-0", hostCAFingerprints: [] };
    control.write(`${JSON.stringify(hello)}\n`);
    for (let i = 0; i < 1000; i += 1)
      control.write(`${JSON.stringify({ type: "replicas", replicas: [`evil-${i}`] })}\n`);
    await first.closed;
    // What is cut backs off: a handful of connections, not a storm.
    assert.ok(connections.length < 20, `${connections.length} connections`);
    agent.close();
    await server.close();
    await victimLives();
  });
});

function request(host: string, port: number): Buffer {
  return new SshWriter().string(host).u32(port).string("alice").string("s-1").string("192.0.2.1").done();
}
