import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";

import { createLogger } from "@teleport-access/daemon";
import { connectSsh, createSshServer, startSsh2 } from "@teleport-access/ssh";
import type { SshChannel, SshConnection, SshServer } from "@teleport-access/ssh";
import {
  fingerprint,
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
  verifyCertificate,
} from "@teleport-access/sshcert";
import { until } from "@teleport-access/testkit";
import {
  CONTROL_CHANNEL,
  ControlReader,
  encodeControlMessage,
  encodeTransportRequest,
  parseAgentMessage,
  TRANSPORT_CHANNEL,
} from "@teleport-access/wire";
import type { AgentConfig, AgentMessage, AgentProxy, ProxyMessage } from "@teleport-access/wire";

import { startAgent } from "./agent.ts";
import type { Agent } from "./agent.ts";
import type { HostIdentity } from "./host-identity.ts";

const hostCa = generatePrivateKey("Ed25519");
const proxyHostKey = generatePrivateKey("Ed25519");
const userCaLine = formatPublicKeyLine(publicKeyOf(generatePrivateKey("Ed25519")));
const HOST_CA = fingerprint(publicKeyOf(hostCa));
const SOON = { deadlineMs: 5_000, everyMs: 10 };

function newIdentity(serial: bigint): HostIdentity {
  const privateKey = generatePrivateKey("Ed25519");
  const certificate = issueCertificate(hostCa, {
    type: "host",
    publicKey: publicKeyOf(privateKey),
    keyId: "prod",
    principals: ["prod"],
    serial,
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + 3_600_000),
  });
  return { privateKey, certificate };
}

interface Seen {
  readonly connection: SshConnection<bigint>;
  readonly messages: AgentMessage[];
  control: SshChannel | undefined;
}

/** One replica of a proxy, as an agent sees it. */
class Replica {
  readonly name: string;
  readonly tunnels = new Set<Seen>();
  readonly #server: SshServer;
  announced: readonly string[] = [];
  port = 0;

  constructor(name: string) {
    this.name = name;
    this.#server = createSshServer<bigint>({
      hostKeys: () => [{ privateKey: proxyHostKey }],
      authenticate: ({ user, key }) => {
        if (user !== "cluster:prod" || key?.kind !== "certificate") return { accept: false };
        const { certificate } = key;
        const purpose = {
          type: "host",
          authorities: [publicKeyOf(hostCa)],
          principal: "prod",
          now: new Date(),
        } as const;
        return verifyCertificate(certificate, purpose).valid
          ? { accept: true, identity: certificate.serial }
          : { accept: false };
      },
      connected: (connection) => void this.#greet(connection),
    });
  }

  async listen(): Promise<void> {
    this.port = await this.#server.listen(0, "127.0.0.1");
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  send(message: ProxyMessage): void {
    for (const { control } of this.tunnels) control?.write(encodeControlMessage(message));
  }

  async #greet(connection: SshConnection<bigint>): Promise<void> {
    const seen: Seen = { connection, messages: [], control: undefined };
    this.tunnels.add(seen);
    connection.onClose(() => this.tunnels.delete(seen));
    const reader = new ControlReader<AgentMessage>(parseAgentMessage, () => performance.now());
    try {
      seen.control = await connection.openChannel(CONTROL_CHANNEL, Buffer.alloc(0));
    } catch {
      return; // the agent has thought better of it
    }
    seen.control.on("data", (chunk: Buffer) => seen.messages.push(...reader.push(chunk)));
    const hello = {
      type: "hello",
      version: 1,
      proxy: "main",
      replica: this.name,
      hostCAFingerprints: [HOST_CA],
    } as const;
    seen.control.write(encodeControlMessage(hello));
    seen.control.write(encodeControlMessage({ type: "replicas", replicas: this.announced }));
  }

  /** Asks any of its tunnels for a target. */
  open(host: string, port: number): Promise<SshChannel> {
    const [tunnel] = this.tunnels;
    assert.ok(tunnel);
    const request = { host, port, user: "alice", sessionId: "s1", clientAddress: "192.0.2.1" };
    return tunnel.connection.openChannel(TRANSPORT_CHANNEL, encodeTransportRequest(request));
  }
}

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

function proxyEntry(changes: Partial<AgentProxy> = {}): AgentProxy {
  return {
    name: "main",
    // Never dialled as such: the load balancer below picks a replica.
    address: "proxy.example:3024",
    hostKeys: [formatPublicKeyLine(publicKeyOf(proxyHostKey))],
    userCAKeys: [userCaLine],
    suspend: false,
    ...changes,
  };
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
      const replica = replicas[dials++ % replicas.length];
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
