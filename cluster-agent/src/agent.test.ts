import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";

import { createLogger } from "@teleport-access/daemon";
import { connectSsh, startSsh2 } from "@teleport-access/ssh";
import { formatPublicKeyLine, generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import { until } from "@teleport-access/testkit";
import { TRANSPORT_CHANNEL } from "@teleport-access/wire";
import type { AgentConfig, AgentProxy } from "@teleport-access/wire";

import { startAgent } from "./agent.ts";
import type { Agent } from "./agent.ts";
import { HOST_CA, newIdentity, proxyEntry, Replica, SOON } from "./replica-fixture.test.ts";

let echo: Server;
let echoPort = 0;
before(async () => {
  await startSsh2();
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  echoPort = (echo.address() as AddressInfo).port;
});
after(() => {
  echo.close();
});

interface World {
  readonly replicas: readonly Replica[];
  readonly agent: Agent;
  readonly config: AgentConfig;
  /** Dials so far. */
  dials(): number;
  tunnels(): number[];
}

/** Replicas behind a load balancer that takes turns, and an agent of cluster prod. */
async function start(
  context: TestContext,
  names: readonly string[],
  changes: Partial<AgentProxy> = {},
): Promise<World> {
  const replicas = names.map((name) => new Replica(name));
  for (const replica of replicas) {
    replica.announced = names;
    await replica.listen();
  }
  const config: AgentConfig = {
    cluster: "prod",
    proxies: [proxyEntry(changes)],
    targets: [
      { host: "web-1", ports: [echoPort], address: "127.0.0.1" },
      { host: "*", ports: [echoPort] },
    ],
  };
  let dials = 0;
  const agent = startAgent({
    config,
    identity: newIdentity(1n),
    podName: "prod-agent-1",
    apiServer: [],
    log: createLogger({ program: "agent", level: "silent" }),
    random: () => 0.01,
    connect: (options) => {
      if (options.host !== "proxy.example") return connectSsh(options);
      const replica = replicas[dials % replicas.length];
      dials += 1;
      return connectSsh({ ...options, host: "127.0.0.1", port: replica?.port ?? 0 });
    },
  });
  context.after(async () => {
    agent.close();
    for (const replica of replicas) await replica.close();
  });
  return {
    replicas,
    agent,
    config,
    dials: () => dials,
    tunnels: () => replicas.map(({ tunnels }) => tunnels.size),
  };
}

function covered(world: World): boolean {
  const { replicas } = world;
  const complete = replicas.every((replica) =>
    [...replica.tunnels].every(({ messages }) => messages.length > 0),
  );
  return complete && world.tunnels().every((count) => count === 2);
}

test("startAgent covers every announced replica twice and then rests", async (context) => {
  const world = await start(context, ["main-a", "main-b", "main-c"]);
  await until("coverage", () => covered(world), SOON);
  assert.deepEqual(world.agent.notReady(), []);
  const [report] = world.agent.report().proxies;
  assert.deepEqual(report?.replicas, ["main-a", "main-b", "main-c"]);
  assert.deepEqual(report.trustedHostCAFingerprints, [HOST_CA]);
  assert.equal(report.lastError, undefined);
  assert.ok(report.since);
  assert.equal(world.dials(), 6, "no dial too many");
});

test("startAgent covers every replica of every proxy at once", async (context) => {
  const world = await start(context, ["main-a", "main-b"]);
  const other = new Replica("other-a");
  other.announced = ["other-a"];
  await other.listen();
  context.after(() => other.close());
  world.agent.reconfigure({
    ...world.config,
    proxies: [...world.config.proxies, proxyEntry({ name: "other", address: `127.0.0.1:${other.port}` })],
  });
  await until("coverage of both", () => covered(world) && other.tunnels.size === 2, SOON);
  assert.deepEqual(
    world.agent.report().proxies.map(({ name, replicas }) => [name, replicas]),
    [
      ["main", ["main-a", "main-b"]],
      ["other", ["other-a"]],
    ],
  );
  for (const { connection } of other.tunnels) connection.destroy();
  await until("the other one again", () => other.tunnels.size === 2, SOON);
  assert.equal(covered(world), true, "the first proxy's tunnels are not touched");
});

test("startAgent says hello with its cluster, its user CAs and targets, never their addresses", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  const [tunnel] = world.replicas[0]?.tunnels ?? [];
  assert.deepEqual(tunnel?.messages[0], {
    type: "hello",
    version: 1,
    agent: "prod-agent-1",
    cluster: "prod",
    userCAFingerprints: [world.agent.report().userCAFingerprints[0]],
    targets: [
      { host: "web-1", ports: [echoPort] },
      { host: "*", ports: [echoPort] },
    ],
  });
});

test("startAgent relays a transport channel to a listed target, half-close included", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  const channel = await world.replicas[0]?.open("web-1", echoPort);
  assert.ok(channel);
  channel.end("echo me");
  const chunks: Buffer[] = [];
  for await (const chunk of channel) chunks.push(chunk as Buffer);
  assert.equal(Buffer.concat(chunks).toString(), "echo me");
});

test("startAgent refuses what is not listed, and a glob that leads to loopback", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  const [replica] = world.replicas;
  assert.ok(replica);
  await assert.rejects(replica.open("web-1", 22), { reason: "prohibited", message: /target-not-listed/ });
  await assert.rejects(replica.open("localhost", echoPort), {
    reason: "prohibited",
    message: /target-address-forbidden/,
  });
  await assert.rejects(replica.open("127.0.0.1", echoPort), {
    reason: "prohibited",
    message: /target-address-forbidden/,
  });
  const [tunnel] = replica.tunnels;
  await assert.rejects(tunnel?.connection.openChannel(TRANSPORT_CHANNEL, Buffer.of(1)) ?? Promise.resolve(), {
    message: /malformed-request/,
  });
  await assert.rejects(tunnel?.connection.openChannel("session", Buffer.alloc(0)) ?? Promise.resolve(), {
    code: "SSH_CHANNEL_REFUSED",
  });
});

test("startAgent cuts a live connection when its target is taken off the list, and no other", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  const channel = await world.replicas[0]?.open("web-1", echoPort);
  assert.ok(channel);
  channel.resume();
  world.agent.reconfigure({ ...world.config, targets: [{ host: "other", ports: [] }] });
  await once(channel, "close");
  await until(
    "the new list",
    () => {
      const [tunnel] = world.replicas[0]?.tunnels ?? [];
      const message = tunnel?.messages.at(-1);
      return message?.type === "targets" && message.targets[0]?.host === "other";
    },
    SOON,
  );
  assert.deepEqual(world.tunnels(), [2]);
});

const CUTS: readonly { name: string; change: Partial<AgentProxy> }[] = [
  { name: "is suspended", change: { suspend: true } },
  { name: "has no user CA any more", change: { userCAKeys: [] } },
];
for (const { name, change } of CUTS) {
  test(`startAgent ends its tunnels and dials no more when the proxy ${name}`, async (context) => {
    const world = await start(context, ["main-a"]);
    await until("coverage", () => covered(world), SOON);
    const dials = world.dials();
    world.agent.reconfigure({ ...world.config, proxies: [proxyEntry(change)] });
    await until("the end", () => world.tunnels()[0] === 0, SOON);
    assert.deepEqual(world.agent.notReady(), ["no tunnel is up"]);
    assert.equal(world.dials(), dials);
    world.agent.reconfigure(world.config);
    await until("coverage again", () => covered(world), SOON);
  });
}

test("startAgent ends its tunnels when the proxy is taken out of the configuration", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  world.agent.reconfigure({ ...world.config, proxies: [] });
  await until("the end", () => world.tunnels()[0] === 0, SOON);
  assert.deepEqual(world.agent.report().proxies, []);
});

test("startAgent does not connect to a proxy whose host key is not pinned", async (context) => {
  const other = formatPublicKeyLine(publicKeyOf(generatePrivateKey("Ed25519")));
  const world = await start(context, ["main-a"], { hostKeys: [other] });
  await until("the refusal", () => world.agent.report().proxies[0]?.lastError !== undefined, SOON);
  assert.deepEqual(world.tunnels(), [0]);
});

test("startAgent connects elsewhere when a replica drains, and lets its connections finish", async (context) => {
  const world = await start(context, ["main-a", "main-b"]);
  await until("coverage", () => covered(world), SOON);
  const [a, b] = world.replicas;
  assert.ok(a && b);
  const channel = await a.open("web-1", echoPort);
  a.send({ type: "drain" });
  b.send({ type: "replicas", replicas: ["main-b"] });
  await until("the idle one to go", () => a.tunnels.size === 1, SOON);
  channel.write("still here");
  assert.equal(String((await once(channel, "data"))[0]), "still here");
  channel.end();
  channel.resume();
  await until("the other one to go", () => a.tunnels.size === 0, SOON);
  assert.equal(b.tunnels.size, 2);
});

test("startAgent makes new tunnels with a renewed certificate before it drops the old", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  world.agent.renew(newIdentity(2n));
  await until(
    "the new certificate alone",
    () => {
      const serials = [...(world.replicas[0]?.tunnels ?? [])].map(({ connection }) => connection.identity);
      assert.ok(serials.length > 0, "never without a tunnel");
      return serials.length === 2 && serials.every((serial) => serial === 2n);
    },
    SOON,
  );
});

test("startAgent comes back after a replica is gone", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  for (const { connection } of world.replicas[0]?.tunnels ?? []) connection.destroy();
  await until("coverage again", () => covered(world), SOON);
});

test("Agent drain ends idle tunnels at once and waits for connections under way", async (context) => {
  const world = await start(context, ["main-a"]);
  await until("coverage", () => covered(world), SOON);
  const channel = await world.replicas[0]?.open("web-1", echoPort);
  assert.ok(channel);
  const drained = world.agent.drain(10_000);
  await until("the idle one to go", () => world.tunnels()[0] === 1, SOON);
  channel.end("bye");
  channel.resume();
  await drained;
  await until("the end", () => world.tunnels()[0] === 0, SOON);
});
