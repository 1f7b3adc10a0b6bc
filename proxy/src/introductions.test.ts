import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { ManualClock } from "@teleport-access/daemon";
import type { Introduction } from "@teleport-access/ssh";
import { MAX_UNAUTHENTICATED, PROXY_HEADER_MS } from "@teleport-access/wire";

import { createIntroductions } from "./introductions.ts";

const LISTED = "127.0.0.2";
const HEADER = "PROXY TCP4 203.0.113.7 198.51.100.1 40000 3023\r\n";

interface Arrival {
  readonly socket: Socket;
  readonly introduction: Introduction | Promise<Introduction>;
}

interface World {
  readonly clock: ManualClock;
  /** Connects from an address of loopback. */
  connect(from: string): Promise<{ readonly near: Socket; readonly arrival: Arrival }>;
}

/** A port on which only 127.0.0.2 is a load balancer. */
async function start(context: TestContext): Promise<World> {
  const clock = new ManualClock();
  const introduce = createIntroductions([`${LISTED}/32`], clock);
  assert.ok(introduce);
  const server: Server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets: Socket[] = [];
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    clock,
    async connect(from) {
      const arrived = once(server, "connection");
      const near = connect({ port, host: "127.0.0.1", localAddress: from, noDelay: true });
      near.on("error", () => undefined);
      const [socket] = (await arrived) as [Socket];
      sockets.push(near, socket);
      return { near, arrival: { socket, introduction: introduce(socket) } };
    },
  };
}

/** What the socket still holds for whoever comes next. */
async function restOf(socket: Socket, length: number): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  while (text.length < length) await once(socket, "data");
  return text;
}

test("createIntroductions is not there when nobody is listed", () => {
  assert.equal(createIntroductions([], new ManualClock()), undefined);
});

test("a listed peer's header names the client, and what follows is left for the server", async (context) => {
  const world = await start(context);
  const { near, arrival } = await world.connect(LISTED);
  near.write(`${HEADER}SSH-2.0-client\r\n`);
  assert.deepEqual(await arrival.introduction, {
    known: true,
    remoteAddress: "203.0.113.7",
    remotePort: 40_000,
  });
  assert.equal(await restOf(arrival.socket, 16), "SSH-2.0-client\r\n");
});

test("a header may come byte by byte", async (context) => {
  const world = await start(context);
  const { near, arrival } = await world.connect(LISTED);
  for (const byte of Buffer.from(HEADER)) {
    near.write(Buffer.of(byte));
    // The next byte leaves when this one is read.
    await new Promise((resolve) => setImmediate(resolve));
  }
  near.write("SSH");
  const introduction = await arrival.introduction;
  assert.equal(introduction.known && introduction.remoteAddress, "203.0.113.7");
  assert.equal(await restOf(arrival.socket, 3), "SSH");
});

test("a listed peer without a header, or with a broken one, is refused", async (context) => {
  const world = await start(context);
  for (const [sent, detail] of [
    ["SSH-2.0-client\r\n", "no-header"],
    ["PROXY TCP4 203.0.113.7 198.51.100.1 40000\r\n", "malformed"],
    ["PROXY UDP4 203.0.113.7 198.51.100.1 1 2\r\n", "unsupported"],
    [`PROXY UNKNOWN${"x".repeat(200)}`, "too-long"],
  ] as const) {
    const { near, arrival } = await world.connect(LISTED);
    near.write(sent);
    assert.deepEqual(await arrival.introduction, { known: false, reason: "proxy-header", detail });
  }
});

test("nothing is read from a peer that is not listed: its header stays garbage", async (context) => {
  const world = await start(context);
  const { near, arrival } = await world.connect("127.0.0.1");
  near.write(HEADER);
  const introduction = await arrival.introduction;
  assert.equal(introduction.known && introduction.remoteAddress, "127.0.0.1");
  assert.equal(await restOf(arrival.socket, HEADER.length), HEADER);
});

test("a header that is not whole in time is refused", async (context) => {
  const world = await start(context);
  const { near, arrival } = await world.connect(LISTED);
  near.write(HEADER.slice(0, 20));
  world.clock.advance(PROXY_HEADER_MS);
  assert.deepEqual(await arrival.introduction, { known: false, reason: "proxy-header", detail: "late" });
});

test("a health check that connects and leaves is nobody, without a reason", async (context) => {
  const world = await start(context);
  for (const leave of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const { near, arrival } = await world.connect(LISTED);
    leave(near);
    assert.deepEqual(await arrival.introduction, { known: false });
  }
});

test("the load balancer's own connections have its own address", async (context) => {
  const world = await start(context);
  const { near, arrival } = await world.connect(LISTED);
  near.write(Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex"));
  const introduction = await arrival.introduction;
  assert.equal(introduction.known && introduction.remoteAddress, LISTED);
});

test("connections that have not said whose they are yet are bounded", async (context) => {
  const world = await start(context);
  const waiting = [];
  for (let n = 0; n < MAX_UNAUTHENTICATED; n += 1) waiting.push(await world.connect(LISTED));
  const refused = await world.connect(LISTED);
  assert.deepEqual(await refused.arrival.introduction, { known: false, reason: "too-many-unauthenticated" });
  const direct = await world.connect("127.0.0.1");
  assert.equal((await direct.arrival.introduction).known, true, "who is not listed does not wait");
  const [first] = waiting;
  first?.near.write(HEADER);
  await first?.arrival.introduction;
  const next = await world.connect(LISTED);
  next.near.write(HEADER);
  assert.equal((await next.arrival.introduction).known, true, "there is a place again");
});
