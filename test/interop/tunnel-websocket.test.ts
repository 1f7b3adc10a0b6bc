/**
 * Tunnels in a WebSocket on the web port, for sites that let only HTTPS out: the same SSH, the same limits,
 * the same end as on the tunnel port. With the proxy's real web port and stock OpenSSH at both ends.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import { after, before, describe, test } from "node:test";

import { runProgram, until } from "@teleport-access/testkit";
import type { RunningCommand } from "@teleport-access/testkit";
import { WebSocket } from "ws";

import { localOpenSsh, startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

const SOON = { deadlineMs: 10_000, everyMs: 10 };
const MIB = 1024 * 1024;
/** 16 MiB/s are measured on two idle cores with both ends in one process, 6 on busy ones: below this it is stuck. */
const MIN_MIB_PER_SECOND = 1;

let world: ProxyWorld;
let target: string;

before(async () => {
  world = await startProxyWorld({ web: true, agentAddress: ({ web }) => `wss://localhost:${web}` });
  target = `${world.login}@web-1.prod`;
});
after(async () => {
  await world.close();
});

function hold(): Promise<RunningCommand> {
  return world.client().holdStream(target);
}

/** An upgrade with headers of the test's own; the error's text, or "open". */
async function upgrade(headers: Readonly<Record<string, string>>, path = "/tunnel/v1"): Promise<string> {
  const socket = new WebSocket(`wss://localhost:${world.ports.web}${path}`, {
    rejectUnauthorized: false,
    headers,
  });
  const opened = once(socket, "open").then(() => "open");
  const result = await opened.catch((error: unknown) => String(error));
  socket.terminate();
  return result;
}

describe("a tunnel over wss://", () => {
  test("carries ssh -J and copies in both directions", async () => {
    const result = await world.client().run(target, "echo $((6 * 7)); exit 3");
    assert.deepEqual([result.stdout, result.code], ["42\n", 3], result.stderr);
    assert.ok((await world.client().copyBothWays("sftp", target)) > 0);
    const up = await world.audited({ event: "tunnel.up" });
    assert.equal(up.client, "127.0.0.1");
  });

  test("is made twice, as on the tunnel port", async () => {
    function ups(): number {
      return world.audit.filter((line) => line.event === "tunnel.up").length;
    }
    await until("both tunnels", () => ups() === 2, SOON);
  });

  test("carries bulk in both directions at a sane rate, every byte in its place", async (context) => {
    const content = randomBytes(16 * MIB);
    const from = performance.now();
    const args = ["-F", world.client().configPath, "-o", "BatchMode=yes", target, "cat"];
    const { stdout, status, stderr } = await runProgram(localOpenSsh().program("ssh"), args, {
      input: content,
    });
    const seconds = (performance.now() - from) / 1000;
    assert.equal(status, 0, stderr);
    assert.ok(stdout.equals(content));
    const rate = content.length / MIB / seconds;
    context.diagnostic(`${rate.toFixed(0)} MiB/s there and back`);
    assert.ok(rate > MIN_MIB_PER_SECOND, `${rate} MiB/s`);
  });

  test("opens for no browser, and on no other path", async () => {
    assert.match(await upgrade({ origin: "https://proxy.test" }), /response: 403$/);
    assert.match(await upgrade({ origin: "null" }), /response: 403$/);
    assert.match(await upgrade({}, "/tunnel/v1?x"), /response: 404$/);
    assert.match(await upgrade({}, "/tunnel/v2"), /response: 404$/);
    assert.equal(await upgrade({}), "open");
  });

  test("counts as a connection of its address until it has authenticated", async () => {
    // An address that no other test here comes from.
    function open(): WebSocket {
      const url = `wss://127.0.0.1:${world.ports.web}/tunnel/v1`;
      return new WebSocket(url, { rejectUnauthorized: false, localAddress: "127.0.0.3" });
    }
    // The first message is SSH's identification: the server has taken it in.
    const idle = Array.from({ length: 10 }, open);
    await Promise.all(idle.map((socket) => once(socket, "message")));
    const [code] = (await once(open(), "close")) as [number];
    assert.equal(code, 1006);
    for (const socket of idle) socket.terminate();
    await until(
      "a place again",
      async () => {
        const socket = open();
        const greeted = await Promise.race([
          once(socket, "message").then(() => true),
          once(socket, "close").then(() => false),
        ]);
        socket.terminate();
        return greeted;
      },
      SOON,
    );
  });

  test("ends when the peer speaks text, or a frame is too large", async () => {
    for (const message of ["SSH-2.0-text\r\n", Buffer.alloc(65 * 1024)]) {
      const socket = new WebSocket(`wss://localhost:${world.ports.web}/tunnel/v1`, {
        rejectUnauthorized: false,
      });
      socket.on("error", () => undefined);
      await once(socket, "open");
      socket.send(message);
      await once(socket, "close");
    }
  });

  test("a plain TLS client that sends nothing does not hold the port", async () => {
    const socket = connect({ port: world.ports.web, host: "127.0.0.1", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const result = await world.client().run(target, "echo fine");
    assert.equal(result.stdout, "fine\n", result.stderr);
    socket.destroy();
  });

  test("is cut at once when the cluster's trust is suspended, and comes back", async () => {
    const session = await hold();
    const trust = { publicKeys: world.hostCaLines, principals: "Scoped", maxTunnels: 16 };
    world.set("TrustedHostCA", "prod", { ...trust, suspend: true });
    await session.exited;
    await world.audited({ event: "tunnel.down", reason: "cluster-suspended" });
    await until("no tunnel", () => world.agent.notReady().length > 0, SOON);
    world.set("TrustedHostCA", "prod", trust);
    await until("a tunnel", () => world.agent.notReady().length === 0, { deadlineMs: 15_000 });
  });

  test("is cut at once when the cluster's owner suspends the proxy", async () => {
    const session = await hold();
    const config = world.agentConfig();
    world.agent.reconfigure({
      ...config,
      proxies: config.proxies.map((proxy) => ({ ...proxy, suspend: true })),
    });
    await session.exited;
    assert.ok(world.agent.notReady().length > 0);
    world.agent.reconfigure(config);
    await until("a tunnel", () => world.agent.notReady().length === 0, SOON);
  });

  test("lets sessions finish when the proxy shuts down, and takes no new tunnel", async () => {
    const session = await hold();
    const ending = world.proxy.shutDown(60_000);
    const seen = session.stdout().length;
    await session.waitFor(new RegExp(`^[^]{${seen + 300}}`), 10_000);
    const late = new WebSocket(`wss://localhost:${world.ports.web}/tunnel/v1`, { rejectUnauthorized: false });
    await once(late, "close");
    await session.stop();
    await ending;
  });
});
