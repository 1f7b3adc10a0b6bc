/**
 * PROXY protocol in front of all three ports: what a listed load balancer says is the client's address, for
 * grants and the audit log; what anybody else says is garbage. With stock OpenSSH through a small load balancer.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { request } from "node:https";
import { after, before, describe, test } from "node:test";

import { createSshClient, until } from "@teleport-access/testkit";
import type { SshClient } from "@teleport-access/testkit";

import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";
import { WEB_TLS } from "./web-port.ts";

const SOON = { deadlineMs: 10_000, everyMs: 10 };
/** Where the load balancer comes from; everything else here comes from 127.0.0.1. */
const BALANCER = "127.0.0.2";
const CLIENT = "203.0.113.7";

/** A load balancer in front of one port: writes a header, then carries bytes. */
async function startBalancer(port: number, header: Buffer, from: string): Promise<Server> {
  const server = createServer((near) => {
    const far = connect({ port, host: "127.0.0.1", localAddress: from });
    far.write(header);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

const V1 = Buffer.from(`PROXY TCP4 ${CLIENT} 198.51.100.1 40000 3023\r\n`);
/** The same in version 2, with an extension behind the addresses. */
const V2 = Buffer.from(
  "0d0a0d0a000d0a515549540a" + "2111" + "0010" + "cb007107" + "c6336401" + "9c400bcf" + "04000100",
  "hex",
);

let world: ProxyWorld;
const balancers: Server[] = [];

async function through(port: number, header: Buffer, from = BALANCER): Promise<number> {
  const server = await startBalancer(port, header, from);
  balancers.push(server);
  return portOf(server);
}

/** alice's ssh, with the proxy behind a load balancer. */
function clientAt(port: number): SshClient {
  const { configPath } = world.client();
  const config = world.folder.write(
    `balanced-${port}.ssh_config`,
    [
      `Host proxy`,
      `  HostName 127.0.0.1`,
      `  Port ${port}`,
      `  HostKeyAlias [127.0.0.1]:${world.ports.ssh}`,
      `Match all`,
      `  Include ${configPath}`,
      "",
    ].join("\n"),
  );
  return createSshClient(config);
}

before(async () => {
  world = await startProxyWorld({ web: true, config: { proxyProtocolRanges: [`${BALANCER}/32`] } });
});
after(async () => {
  for (const server of balancers) server.close();
  await world.close();
});

describe("behind a load balancer with PROXY protocol", () => {
  for (const [name, header] of [
    ["1", V1],
    ["2", V2],
  ] as const) {
    test(`version ${name}: the client's address is in the audit log, and in what grants look at`, async () => {
      world.audit.length = 0;
      const client = clientAt(await through(world.ports.ssh, header));
      const target = `${world.login}@web-1.prod`;
      const result = await client.run(target, "echo through");
      assert.equal(result.stdout, "through\n", result.stderr);
      await world.audited({ event: "ssh.auth", outcome: "allowed", client: CLIENT });
      await world.audited({ event: "channel.open", outcome: "allowed", client: CLIENT });

      const grant = { userRef: { name: "alice" }, clusters: ["prod"], logins: [world.login] };
      world.set("UserAccess", "alice-prod", { ...grant, sourceRanges: ["127.0.0.0/8"] });
      assert.equal((await client.run("proxy", "targets")).code, 255);
      await world.audited({
        event: "ssh.auth",
        outcome: "denied",
        reason: "source-not-allowed",
        client: CLIENT,
      });
      world.set("UserAccess", "alice-prod", { ...grant, sourceRanges: [`${CLIENT}/32`] });
      assert.equal((await client.run("proxy", "targets")).code, 0);
      await world.reset();
    });
  }

  test("a client cannot claim an address, neither directly nor through the load balancer", async () => {
    world.set("UserAccess", "alice-prod", {
      userRef: { name: "alice" },
      clusters: ["prod"],
      logins: [world.login],
      sourceRanges: [`${CLIENT}/32`],
    });
    world.audit.length = 0;
    const direct = clientAt(await through(world.ports.ssh, V1, "127.0.0.1"));
    assert.equal((await direct.run("proxy", "targets")).code, 255);
    await world.audited({ event: "ssh.auth", reason: "protocol-error", client: "127.0.0.1" });
    // The load balancer tells the truth, and behind it the client says what it likes.
    const truth = Buffer.from("PROXY TCP4 198.51.100.66 198.51.100.1 40000 3023\r\n");
    const nested = clientAt(await through(world.ports.ssh, Buffer.concat([truth, V1])));
    assert.equal((await nested.run("proxy", "targets")).code, 255);
    await world.audited({ event: "ssh.auth", reason: "protocol-error", client: "198.51.100.66" });
    assert.ok(world.audit.every(({ client }) => client !== CLIENT));
    await world.reset();
  });

  test("a listed peer that sends no header is refused", async () => {
    world.audit.length = 0;
    const client = clientAt(await through(world.ports.ssh, Buffer.alloc(0)));
    assert.equal((await client.run("proxy", "targets")).code, 255);
    const line = await world.audited({ event: "ssh.auth", reason: "proxy-header", client: BALANCER });
    assert.deepEqual(line.detail, { error: "no-header" });
  });

  test("one client's unauthenticated connections are bounded, and the load balancer's others are not hurt", async () => {
    const port = await through(world.ports.ssh, V1);
    const idle = Array.from({ length: 10 }, () => connect(port, "127.0.0.1"));
    await Promise.all(idle.map((socket) => once(socket, "data")));
    const eleventh = connect(port, "127.0.0.1").resume();
    await once(eleventh, "close");
    const other = Buffer.from("PROXY TCP4 203.0.113.8 198.51.100.1 40000 3023\r\n");
    const result = await clientAt(await through(world.ports.ssh, other)).run("proxy", "targets");
    assert.equal(result.code, 0, result.stderr);
    for (const socket of idle) socket.destroy();
  });

  test("agents come in over the tunnel port with the address that the header says", async () => {
    const port = await through(world.ports.tunnel, V2);
    const config = world.agentConfig();
    world.audit.length = 0;
    world.agent.reconfigure({
      ...config,
      proxies: config.proxies.map((proxy) => ({ ...proxy, address: `127.0.0.1:${port}` })),
    });
    await world.audited({ event: "tunnel.up", client: CLIENT });
    await until("a tunnel", () => world.agent.notReady().length === 0, SOON);
    const result = await clientAt(await through(world.ports.ssh, V1)).run(
      `${world.login}@web-1.prod`,
      "true",
    );
    assert.equal(result.code, 0, result.stderr);
  });

  test("the web port counts requests by the address that the header says, under TLS", async () => {
    const port = await through(world.ports.web, V1);
    const one = await get(port);
    assert.equal(one.status, 200);
    const other = await get(await through(world.ports.web, V2.fill(8, 19, 20)));
    assert.equal(other.left, one.left, "another client has its own budget");
    assert.equal((await get(port)).left, one.left - 1, "the same client has used some of it");
    await assert.rejects(get(await through(world.ports.web, Buffer.alloc(0))), "no header");
    await assert.rejects(get(await through(world.ports.web, V1, "127.0.0.1")), "not listed");
    assert.equal((await get(world.ports.web)).status, 200, "who is not listed comes as they are");
  });

  test("an agent over wss:// has the address that the header says", async () => {
    const port = await through(world.ports.web, V1);
    const config = world.agentConfig();
    world.audit.length = 0;
    world.agent.reconfigure({
      ...config,
      proxies: config.proxies.map((proxy) => ({ ...proxy, address: `wss://localhost:${port}` })),
    });
    await world.audited({ event: "tunnel.up", client: CLIENT });
  });
});

/** One request on a connection of its own: its status and what is left of the client's budget. */
function get(port: number): Promise<{ readonly status: number; readonly left: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; left: number }>();
  const call = request(
    { host: "localhost", port, path: "/.well-known/teleport-access", ca: WEB_TLS.cert, agent: false },
    (response) => {
      response.resume();
      resolve({
        status: response.statusCode ?? 0,
        left: Number(response.headers["x-ratelimit-remaining"]),
      });
    },
  );
  call.on("error", reject);
  call.end();
  return promise;
}
