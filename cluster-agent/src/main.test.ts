import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { createSshServer, startSsh2 } from "@teleport-access/ssh";
import type { SshConnection } from "@teleport-access/ssh";
import {
  formatCertificateLine,
  formatOpenSshPrivateKey,
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import { until } from "@teleport-access/testkit";
import {
  CONTROL_CHANNEL,
  encodeControlMessage,
  encodeTransportRequest,
  TRANSPORT_CHANNEL,
} from "@teleport-access/wire";

import { probe } from "./probe.ts";

const SOON = { deadlineMs: 20_000, everyMs: 20 };
/** The bundle stays below 90 MiB (70 measured); from source, the TypeScript that Node strips costs another 40. */
const MAX_IDLE_RSS = 140 * 1024 * 1024;

const proxyKey = generatePrivateKey("Ed25519");
const hostKey = generatePrivateKey("Ed25519");

/** The folders that the pod mounts. */
function mount(
  context: TestContext,
  proxyPort: number,
  targetPort: number,
): { folder: string; run: string; config: string } {
  const folder = mkdtempSync(join(tmpdir(), "agent-main-"));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const name of ["config", "host"]) mkdirSync(join(folder, name));
  const certificate = issueCertificate(generatePrivateKey("Ed25519"), {
    type: "host",
    publicKey: publicKeyOf(hostKey),
    keyId: "prod",
    principals: ["prod"],
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + 3_600_000),
  });
  writeFileSync(join(folder, "host", "ssh_host_ed25519_key"), formatOpenSshPrivateKey(hostKey, "prod"));
  writeFileSync(join(folder, "host", "ssh_host_ed25519_key-cert.pub"), formatCertificateLine(certificate));
  const line = formatPublicKeyLine(publicKeyOf(proxyKey));
  const proxy = {
    name: "main",
    address: `127.0.0.1:${proxyPort}`,
    hostKeys: [line],
    userCAKeys: [line],
    suspend: false,
  };
  const config = join(folder, "config", "config.json");
  const targets = [{ host: "web-1", ports: [targetPort], address: "127.0.0.1" }];
  writeFileSync(config, JSON.stringify({ cluster: "prod", proxies: [proxy], targets }));
  return { folder, run: join(folder, "run"), config };
}

interface Program {
  readonly child: ChildProcess;
  readonly output: () => string;
}

function startProgram(context: TestContext, folder: string, run: string): Program {
  const child = spawn(process.execPath, ["--conditions=source", join(import.meta.dirname, "main.ts")], {
    env: {
      PATH: process.env["PATH"],
      POD_NAME: "prod-agent-1",
      POD_NAMESPACE: "servers",
      CONFIG_DIR: folder,
      RUN_DIR: run,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  context.after(() => child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return { child, output: () => output };
}

/** The process's sockets that listen, by /proc: what `ss -ltnp` would print. */
function listening(pid: number): string[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // closed meanwhile
      }
    }),
  );
  return ["tcp", "tcp6", "udp", "udp6"].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, "utf8")
      .split("\n")
      .map((row) => row.trim().split(/\s+/))
      .filter(
        (row) => own.has(row[9] ?? "") && (row[3] === "0A" || (name.startsWith("udp") && row[3] === "07")),
      )
      .map((row) => `${name} ${row[1] ?? ""}`),
  );
}

function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

test("the agent's program connects, listens nowhere, says it is ready, and ends in order", async (context) => {
  await startSsh2();
  const target = createServer((socket) => socket.on("error", () => undefined).end("a server"));
  target.listen(0, "127.0.0.1");
  await once(target, "listening");
  const targetPort = (target.address() as AddressInfo).port;
  const tunnels: SshConnection<string>[] = [];
  const server = createSshServer<string>({
    hostKeys: () => [{ privateKey: proxyKey }],
    authenticate: ({ user }) => ({ accept: true, identity: user }),
    connected: (connection) => {
      tunnels.push(connection);
      void connection.openChannel(CONTROL_CHANNEL, Buffer.alloc(0)).then((control) => {
        control.resume();
        const hello = {
          type: "hello",
          version: 1,
          proxy: "main",
          replica: "main-a",
          hostCAFingerprints: [],
        } as const;
        control.write(encodeControlMessage(hello));
      });
    },
  });
  context.after(async () => {
    await server.close();
    target.close();
  });
  const { folder, run, config } = mount(context, await server.listen(0, "127.0.0.1"), targetPort);
  const { child, output } = startProgram(context, folder, run);
  const { pid } = child;
  assert.ok(pid);
  await until("readiness", () => probe("ready", run, Date.now()), SOON).catch((error: unknown) => {
    throw new Error(output(), { cause: error });
  });
  await until("two tunnels", () => tunnels.length === 2, SOON);
  assert.equal(tunnels[0]?.identity, "cluster:prod");
  assert.equal(probe("live", run, Date.now()), true);
  assert.deepEqual(listening(pid), []);
  const rss = rssOf(pid);
  context.diagnostic(`idle RSS ${Math.round(rss / 1024 / 1024)} MiB`);
  assert.ok(rss < MAX_IDLE_RSS, `idle RSS ${rss}`);

  const request = {
    host: "web-1",
    port: targetPort,
    user: "alice",
    sessionId: "s",
    clientAddress: "192.0.2.1",
  };
  const channel = await tunnels[0].openChannel(TRANSPORT_CHANNEL, encodeTransportRequest(request));
  assert.equal(String((await once(channel, "data"))[0]), "a server");
  channel.destroy();

  // The file alone counts here: there is no API server.
  const suspended = JSON.parse(readFileSync(config, "utf8")) as { proxies: { suspend: boolean }[] };
  for (const proxy of suspended.proxies) proxy.suspend = true;
  writeFileSync(config, JSON.stringify(suspended));
  await until("the cut", () => server.connections() === 0, SOON);
  await until("no readiness", () => !probe("ready", run, Date.now()), SOON);

  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal(probe("live", run, Date.now()), false);
  assert.doesNotMatch(output(), /PRIVATE KEY/);
});

test("the agent's program refuses to start with one sentence that names the field", async (context) => {
  const { folder, run, config } = mount(context, 1, 1);
  writeFileSync(config, JSON.stringify({ cluster: "Prod", proxies: [], targets: [] }));
  const { child, output } = startProgram(context, folder, run);
  assert.deepEqual(await once(child, "exit"), [1, null]);
  assert.match(output(), /"error":"[^"]*config\.json: cluster: must be a name/);
  assert.doesNotMatch(output(), /\n {4}at /, "no stack");
});
