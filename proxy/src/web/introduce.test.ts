import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:https";
import type { Server } from "node:https";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { readFileSync } from "node:fs";

import type { Introduction } from "@teleport-access/ssh";
import { until } from "@teleport-access/testkit";

import { introduceConnections } from "./introduce.ts";
import type { Introduced } from "./introduce.ts";

const TLS = {
  key: readFileSync(new URL("./testdata/tls.key", import.meta.url), "utf8"),
  cert: readFileSync(new URL("./testdata/tls.crt", import.meta.url), "utf8"),
};

/** A server that answers with the address of the request's socket. */
async function start(
  context: TestContext,
  introduce: (socket: Socket) => Introduction | Promise<Introduction>,
): Promise<{ server: Server; port: number; introduced: Introduced; refused: string[] }> {
  const server = createServer(TLS, ({ socket }, response) => {
    response.end(`${socket.remoteAddress} ${socket.remotePort}`);
  });
  const refused: string[] = [];
  const introduced = introduceConnections(server, introduce, (address, reason) =>
    refused.push(`${address} ${reason}`),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port, introduced, refused };
}

function get(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const call = request({ host: "localhost", port, ca: TLS.cert, agent: false }, (response) => {
    response.setEncoding("utf8").once("data", resolve);
  });
  call.on("error", reject);
  call.end();
  return promise;
}

test("a request has the address of the introduction", async (context) => {
  let number = 0;
  const { port } = await start(context, () => {
    number += 1;
    return Promise.resolve({ known: true, remoteAddress: `203.0.113.${number}`, remotePort: number });
  });
  assert.equal(await get(port), "203.0.113.1 1");
  assert.equal(await get(port), "203.0.113.2 2");
});

test("what is known of a connection is forgotten with it", async (context) => {
  const { port, introduced } = await start(context, () => ({
    known: true,
    remoteAddress: "203.0.113.1",
    remotePort: 1,
  }));
  await get(port);
  // One that never comes to TLS.
  connect(port, "127.0.0.1").destroy();
  await until("nobody", () => introduced.count === 0, { deadlineMs: 5_000, everyMs: 5 });
});

test("who left while it was introduced is nobody", async (context) => {
  const known = Promise.withResolvers<Introduction>();
  const sockets: Socket[] = [];
  const { port, introduced } = await start(context, (socket) => {
    sockets.push(socket);
    return known.promise;
  });
  const client = connect(port, "127.0.0.1");
  await until("the connection", () => sockets.length === 1, { deadlineMs: 5_000, everyMs: 5 });
  client.resetAndDestroy();
  const [socket] = sockets;
  assert.ok(socket);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.resume().on("error", () => undefined);
  await closed;
  known.resolve({ known: true, remoteAddress: "203.0.113.1", remotePort: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(introduced.count, 0);
});

test("who is not introduced never reaches TLS, and a reason is said once", async (context) => {
  const { port, refused } = await start(context, () => ({ known: false, reason: "proxy-header" }));
  await assert.rejects(get(port));
  assert.deepEqual(refused, ["127.0.0.1 proxy-header"]);
});

test("who is being introduced is cut when the server closes", async (context) => {
  const arrived = Promise.withResolvers<undefined>();
  const { port, introduced } = await start(context, () => {
    arrived.resolve(undefined);
    return new Promise(() => undefined);
  });
  const client = connect(port, "127.0.0.1").resume();
  client.on("error", () => undefined);
  await arrived.promise;
  introduced.cut();
  await once(client, "close");
});
