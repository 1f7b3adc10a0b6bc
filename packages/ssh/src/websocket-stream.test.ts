import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { until } from "@teleport-access/testkit";
import fc from "fast-check";
import { WebSocket, WebSocketServer } from "ws";

import { WEBSOCKET_BATCH_BYTES, WEBSOCKET_FRAME_BYTES } from "./limits.ts";
import { toFrames, webSocketStream } from "./websocket-stream.ts";

const OPTIONS = { perMessageDeflate: false, maxPayload: WEBSOCKET_FRAME_BYTES, autoPong: false };
const SOON = { deadlineMs: 5_000, everyMs: 5 };

interface Pair {
  readonly near: Duplex;
  readonly far: Duplex;
  readonly nearSocket: WebSocket;
  readonly farSocket: WebSocket;
}

/** Two streams with a WebSocket between them. */
async function connectPair(context: TestContext): Promise<Pair> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, ...OPTIONS });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const arrived = once(sockets, "connection");
  const nearSocket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, OPTIONS);
  let tcp: Socket | undefined;
  nearSocket.once("upgrade", ({ socket }) => (tcp = socket));
  await once(nearSocket, "open");
  assert.ok(tcp);
  const [farSocket, request] = (await arrived) as [WebSocket, IncomingMessage];
  const near = webSocketStream(nearSocket, tcp);
  const far = webSocketStream(farSocket, request.socket);
  context.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far, nearSocket, farSocket };
}

async function read(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test("a WebSocket stream carries bytes both ways, in order, and its end", async (context) => {
  const { near, far } = await connectPair(context);
  const [there, back] = [randomBytes(3_000_001), randomBytes(1_000_003)];
  for (let at = 0; at < there.length; at += 7_919) near.write(there.subarray(at, at + 7_919));
  far.write(back);
  const got = await new Promise<Buffer>((resolve) => {
    let held = Buffer.alloc(0);
    near.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (held.length === back.length) resolve(held);
    });
  });
  assert.ok(got.equals(back));
  near.end();
  assert.ok((await read(far)).equals(there));
});

test("a WebSocket stream stops a writer whose reader does not read", async (context) => {
  const { near, far, farSocket } = await connectPair(context);
  const chunk = Buffer.alloc(32 * 1024);
  let written = 0;
  // Into the kernel's buffers of loopback go a few MiB; what we hold ourselves is what the stream says.
  while (near.write(chunk) || near.writableLength < 8 * WEBSOCKET_FRAME_BYTES) {
    written += chunk.length;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(written < 256 * 1024 * 1024, "nothing ever stopped the writer");
  }
  assert.ok(farSocket.isPaused);
  assert.ok(far.readableLength <= 3 * WEBSOCKET_FRAME_BYTES, `${far.readableLength} bytes held`);
  far.resume();
  if (near.writableNeedDrain) await once(near, "drain");
});

test("a WebSocket stream ends when the peer is gone, with or without a word", async (context) => {
  for (const leave of [
    ({ nearSocket }: Pair) => {
      nearSocket.close();
    },
    ({ nearSocket }: Pair) => {
      nearSocket.terminate();
    },
  ]) {
    const pair = await connectPair(context);
    pair.far.on("error", () => undefined);
    pair.far.resume();
    leave(pair);
    await once(pair.far, "end");
    pair.far.end();
    if (!pair.far.closed) await once(pair.far, "close");
  }
});

test("a WebSocket stream is cut at once by destroy", async (context) => {
  const { near, far } = await connectPair(context);
  far.resume();
  near.destroy();
  await once(far, "end");
});

test("a WebSocket stream fails on text, and on a frame that is too large", async (context) => {
  for (const message of ["text", Buffer.alloc(WEBSOCKET_FRAME_BYTES + 1)]) {
    const { far, nearSocket } = await connectPair(context);
    nearSocket.send(message);
    await once(far, "error");
    assert.equal(far.destroyed, true);
  }
});

test("a WebSocket stream answers pings, until the peer does not read the answers", async (context) => {
  const { nearSocket, farSocket, far } = await connectPair(context);
  let pongs = 0;
  nearSocket.on("pong", () => (pongs += 1));
  nearSocket.ping();
  await until("a pong", () => pongs === 1, SOON);
  nearSocket.pause();
  let pings = 1;
  const flood = setInterval(() => {
    for (let n = 0; n < 2_000; n += 1) nearSocket.ping(Buffer.alloc(125));
    pings += 2_000;
  }, 1);
  context.after(() => {
    clearInterval(flood);
  });
  await until("the answers to pile up", () => farSocket.bufferedAmount > 0 || pings > 200_000, {
    deadlineMs: 20_000,
    everyMs: 1,
  });
  for (let round = 0; round < 20; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(farSocket.bufferedAmount <= WEBSOCKET_FRAME_BYTES + 256, `${farSocket.bufferedAmount} bytes`);
  }
  assert.equal(far.destroyed, false);
});

test("toFrames keeps every byte in order, in frames that a peer takes, and few of them", () => {
  const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(40_000), fc.nat(200_000)), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const chunks = lengths.map((length, index) => Buffer.alloc(length, index));
      const frames = toFrames(chunks);
      assert.ok(Buffer.concat(frames).equals(Buffer.concat(chunks)));
      assert.ok(frames.every(({ length }) => length > 0 && length <= WEBSOCKET_FRAME_BYTES));
      for (const [index, frame] of frames.entries()) {
        const next = frames[index + 1];
        if (next !== undefined) assert.ok(frame.length + next.length > WEBSOCKET_BATCH_BYTES);
      }
    }),
    { numRuns: 300 },
  );
});
