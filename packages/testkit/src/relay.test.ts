import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { startRelay } from "./relay.ts";
import { until } from "./until.ts";

const SOON = { deadlineMs: 5_000, everyMs: 5 };

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

function ignore(): void {
  // A reset is what the test is about.
}

test("startRelay resets in the turn in which it passes an end on, and keeps no socket", async (context) => {
  const before = sockets();
  const server = createServer((socket) => socket.on("error", ignore).resume()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const relay = await startRelay([(server.address() as AddressInfo).port]);
  const client = connect({ port: relay.port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", ignore).resume();
  await until("the connection", () => relay.connections === 1, SOON);
  const end = Reflect.get(Socket.prototype, "end");
  const passedOn = context.mock.method(Socket.prototype, "end", function (this: Socket) {
    Reflect.apply(end, this, []);
    if (this !== client) relay.reset();
    return this;
  });

  client.end();

  await until("the reset", () => relay.connections === 0, SOON);
  assert.ok(passedOn.mock.callCount() >= 2);
  client.destroy();
  server.close();
  await relay.close();
  await until("every socket to be closed", () => sockets() <= before, SOON);
});
