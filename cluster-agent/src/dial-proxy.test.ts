import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { before, test } from "node:test";
import type { TestContext } from "node:test";

import { systemClock } from "@teleport-access/daemon";
import { createSshServer, startSsh2, webSocketStream } from "@teleport-access/ssh";
import type { SshServer } from "@teleport-access/ssh";
import { generatePrivateKey, issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import { TUNNEL_PATH } from "@teleport-access/wire";
import type { TunnelAddress } from "@teleport-access/wire";
import { WebSocketServer } from "ws";

import { dialProxy } from "./dial-proxy.ts";
import type { DialProxyDeps, DialProxyOptions, ResolveName } from "./dial-proxy.ts";

const TESTDATA = new URL("../../proxy/src/web/testdata/", import.meta.url);
const TLS = {
  key: readFileSync(new URL("tls.key", TESTDATA), "utf8"),
  cert: readFileSync(new URL("tls.crt", TESTDATA), "utf8"),
};

const proxyKey = generatePrivateKey("Ed25519");
const agentKey = generatePrivateKey("Ed25519");
const certificate = issueCertificate(generatePrivateKey("Ed25519"), {
  type: "host",
  publicKey: publicKeyOf(agentKey),
  keyId: "prod",
  principals: ["prod"],
  validAfter: new Date(Date.now() - 60_000),
  validBefore: new Date(Date.now() + 3_600_000),
});

before(async () => {
  await startSsh2();
});

function options(changes: Partial<DialProxyOptions> = {}): DialProxyOptions {
  return {
    user: "cluster:prod",
    hostKeyPins: [publicKeyOf(proxyKey)],
    identity: { privateKey: agentKey, certificate },
    timeoutMs: 5_000,
    ...changes,
  };
}

const deps: DialProxyDeps = { clock: systemClock };

/** Everybody at a name of no resolver but this one. */
function resolving(...answers: readonly (readonly string[])[]): ResolveName {
  let asked = 0;
  return () => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    return Promise.resolve(answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
  };
}

interface Proxy {
  readonly server: SshServer;
  readonly users: string[];
}

function createProxy(context: TestContext, hostKey = proxyKey): Proxy {
  const users: string[] = [];
  const server = createSshServer<string>({
    hostKeys: () => [{ privateKey: hostKey }],
    authenticate: ({ user }) => {
      users.push(user);
      return { accept: true, identity: user };
    },
    connected: () => undefined,
  });
  context.after(() => server.close());
  return { server, users };
}

/** A web port that lets agents in to `proxy`, or answers every upgrade with `status`. */
async function startWeb(context: TestContext, proxy: Proxy, status?: string): Promise<TunnelAddress> {
  const web = createServer(TLS);
  const sockets = new WebSocketServer({ noServer: true, autoPong: false });
  web.on("upgrade", (request, socket, head) => {
    assert.equal(request.url, TUNNEL_PATH);
    if (status === undefined) {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        proxy.server.inject(webSocketStream(webSocket, request.socket));
      });
    } else socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  context.after(() => {
    web.closeAllConnections();
    web.close();
  });
  return { transport: "wss", host: "localhost", port: portOf(web) };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

test("dialProxy reaches the pinned proxy in a WebSocket, whatever its TLS certificate", async (context) => {
  const proxy = createProxy(context);
  const address = await startWeb(context, proxy);
  // The certificate is for localhost, and of no authority.
  const connection = await dialProxy({ ...address, host: "proxy.example" }, options(), {
    ...deps,
    resolve: resolving(["127.0.0.1"]),
  });
  assert.deepEqual(proxy.users, ["cluster:prod"]);
  connection.end();
});

test("dialProxy tells an impostor with a certificate of its own nothing", async (context) => {
  const impostor = createProxy(context, generatePrivateKey("Ed25519"));
  const address = await startWeb(context, impostor);
  await assert.rejects(dialProxy(address, options(), deps), { code: "SSH_HOST_KEY_MISMATCH" });
  assert.deepEqual(impostor.users, [], "not even its name");
});

test("dialProxy says what the web port answered", async (context) => {
  for (const status of [
    "404 Not Found",
    "403 Forbidden",
    "302 Found\r\nLocation: https://elsewhere.example",
  ]) {
    const address = await startWeb(context, createProxy(context), status);
    await assert.rejects(dialProxy(address, options(), deps), {
      code: "AGENT_WEBSOCKET",
      message: `wss://localhost:${address.port}/tunnel/v1: Unexpected server response: ${status.slice(0, 3)}`,
    });
  }
});

test("dialProxy gives up in time on a port that says nothing, and on one that only speaks TLS", async (context) => {
  const silent = createTcpServer((socket) => socket.on("error", () => undefined).resume());
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  context.after(() => silent.close());
  const web = createServer(TLS);
  web.on("upgrade", (_request, socket) => socket.resume());
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  context.after(() => {
    web.closeAllConnections();
    web.close();
  });
  for (const server of [silent, web]) {
    const address = { transport: "wss", host: "localhost", port: portOf(server) } as const;
    await assert.rejects(dialProxy(address, options({ timeoutMs: 200 }), deps), {
      code: "AGENT_WEBSOCKET",
      message: /no WebSocket within 200 ms$/,
    });
  }
});

for (const transport of ["tcp", "wss"] as const) {
  test(`dialProxy over ${transport} asks for the name's address each time`, async (context) => {
    const proxy = createProxy(context);
    const port =
      transport === "wss" ? (await startWeb(context, proxy)).port : await proxy.server.listen(0, "127.0.0.1");
    // Nobody listens on the first address; the name then moves.
    const resolve = resolving(["127.0.0.9"], ["127.0.0.1"]);
    const address = { transport, host: "proxy.example", port };
    await assert.rejects(dialProxy(address, options(), { ...deps, resolve }), /ECONNREFUSED/);
    const connection = await dialProxy(address, options(), { ...deps, resolve });
    connection.end();
  });
}

test("dialProxy tries a name's addresses in an order of chance, and the next when one is dead", async (context) => {
  const proxy = createProxy(context);
  const port = await proxy.server.listen(0, "127.0.0.1");
  const address = { transport: "tcp", host: "proxy.example", port } as const;
  for (const random of [() => 0, () => 0.999]) {
    const resolve = resolving(["127.0.0.9", "127.0.0.1"]);
    const connection = await dialProxy(address, options(), { ...deps, resolve, random });
    assert.equal(connection.remoteAddress, "127.0.0.1");
    connection.end();
  }
  const orders = new Set<string>();
  for (const random of [() => 0, () => 0.5, () => 0.999]) {
    await assert.rejects(
      dialProxy(address, options(), {
        ...deps,
        random,
        resolve: resolving(["127.0.0.7", "127.0.0.8", "127.0.0.9"]),
        connect: (all) => {
          if (all.lookup !== undefined) {
            all.lookup("proxy.example", { all: true }, (_error, found) => {
              orders.add(Array.isArray(found) ? found.map(({ address: one }) => one).join(" ") : found);
            });
          }
          return new Promise((_resolve, reject) => setImmediate(reject, new Error("seen")));
        },
      }),
      { message: "seen" },
    );
  }
  assert.equal(orders.size, 3);
});

test("dialProxy says that a name is not known, or has no address", async () => {
  const address = { transport: "tcp", host: "proxy.example", port: 1 } as const;
  await assert.rejects(dialProxy(address, options(), { ...deps, resolve: resolving([]) }), {
    code: "SSH_UNREACHABLE",
    message: /proxy\.example has no address/,
  });
  function failing(): Promise<never> {
    return Promise.reject(new Error("queryA ENOTFOUND"));
  }
  for (const transport of ["tcp", "wss"] as const) {
    await assert.rejects(
      dialProxy({ ...address, transport }, options(), { ...deps, resolve: failing }),
      /ENOTFOUND/,
    );
  }
});
