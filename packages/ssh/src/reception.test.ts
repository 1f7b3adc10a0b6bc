import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";

import type { PeerAddress } from "./connection.ts";
import { Reception } from "./reception.ts";
import type { Introduction, ReceptionOptions } from "./reception.ts";
import { startSsh2 } from "./startup.ts";
import { authFixture } from "./testing/auth-fixture.ts";

interface World {
  readonly reception: Reception;
  readonly accepted: PeerAddress[];
  readonly refused: (string | undefined)[];
  /** Connects and gives back the near end. */
  connect(): Socket;
}

async function start(context: TestContext, introduce?: ReceptionOptions["introduce"]): Promise<World> {
  const accepted: PeerAddress[] = [];
  const refused: (string | undefined)[] = [];
  const sockets: Socket[] = [];
  const reception = new Reception({
    introduce,
    accept: (socket, address) => {
      sockets.push(socket);
      accepted.push(address);
      socket.write("welcome");
    },
    refused: (_address, { reason }) => refused.push(reason),
  });
  const port = await reception.listen(0, "127.0.0.1");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    reception.stopListening();
  });
  return {
    reception,
    accepted,
    refused,
    connect: () => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
      return socket;
    },
  };
}

test("Reception hands a connection over with its own address when nobody introduces it", async (context) => {
  const world = await start(context);
  const socket = world.connect();
  await once(socket, "data");
  assert.deepEqual(world.accepted, [{ remoteAddress: "127.0.0.1", remotePort: socket.localPort }]);
});

test("Reception hands a connection over with the address of its introduction, and nothing else of it", async (context) => {
  const address = { remoteAddress: "203.0.113.7", remotePort: 40_000 };
  for (const introduction of [
    { known: true, ...address } as const,
    Promise.resolve({ known: true, ...address } as const),
  ]) {
    const world = await start(context, () => introduction);
    await once(world.connect(), "data");
    assert.deepEqual(world.accepted, [address]);
  }
});

test("Reception cuts who is not introduced, and says why once", async (context) => {
  const introductions: Introduction[] = [{ known: false, reason: "proxy-header" }, { known: false }];
  for (const introduction of introductions) {
    const world = await start(context, () => introduction);
    await once(world.connect().resume(), "close");
    assert.deepEqual(world.refused, [introduction.known ? "" : introduction.reason]);
    assert.deepEqual(world.accepted, []);
  }
});

test("Reception that stops listening cuts who is being introduced, and lets who is in live on", async (context) => {
  let asked = 0;
  const never = Promise.withResolvers<Introduction>();
  const arrived = Promise.withResolvers<undefined>();
  const world = await start(context, () => {
    asked += 1;
    if (asked === 1) return { known: true, remoteAddress: "203.0.113.7", remotePort: 1 };
    arrived.resolve(undefined);
    return never.promise;
  });
  const inside = world.connect();
  await once(inside, "data");
  const outside = world.connect().resume();
  await arrived.promise;
  assert.equal(world.reception.open, true);
  world.reception.stopListening();
  assert.equal(world.reception.open, false);
  await once(outside, "close");
  assert.equal(inside.destroyed, false);
  await once(world.connect(), "error");
});

test("a server takes no stream that is over, and none after it stopped listening", async () => {
  await startSsh2();
  const { server, refused } = authFixture();
  const [, gone] = duplexPair();
  gone.destroy();
  await once(gone, "close");
  server.inject(gone);
  assert.equal(server.connections(), 0, "nobody would give the place back");
  server.stopListening();
  const [near, far] = duplexPair();
  server.inject(far);
  assert.equal(far.destroyed, true);
  near.destroy();
  assert.equal(server.connections(), 0);
  assert.deepEqual(refused, []);
});
