import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, describe, it } from "node:test";

import { readSocket, sharesMemory } from "./socket-input.ts";
import { SocketOutput } from "./socket-output.ts";
import { tcpPair as makeTcpPair } from "./testing/tcp-pair.ts";
import type { TcpPair } from "./testing/tcp-pair.ts";
import { wireOf } from "./wire.ts";

const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

async function tcpPair(): Promise<Omit<TcpPair, "close">> {
  const pair = await makeTcpPair();
  closers.push(pair.close);
  return pair;
}

/** Collects until `bytes` have come. */
function collect(socket: Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    readSocket(socket, (chunk) => {
      parts.push(Buffer.from(chunk));
      length += chunk.length;
      if (length >= bytes) resolve(Buffer.concat(parts));
    });
  });
}

function numbered(count: number, size: number): Buffer {
  const bytes = Buffer.alloc(count * size);
  for (let i = 0; i < count; i += 1) bytes.fill(i & 0xff, i * size, (i + 1) * size);
  return bytes;
}

describe("readSocket()", () => {
  it("readSocket() reads into shared memory on this node, on accepted sockets too", async () => {
    const { near, far } = await tcpPair();
    const seen: Buffer[] = [];
    const done = Promise.withResolvers<undefined>();
    for (const socket of [near, far]) {
      readSocket(socket, (chunk) => {
        seen.push(chunk);
        if (seen.length === 2) done.resolve(undefined);
      });
    }
    near.write("from near");
    far.write("from far");
    await done.promise;
    assert.equal(seen[0]?.buffer, seen[1]?.buffer);
    assert.equal(sharesMemory(far), true);
  });

  it("readSocket() hands on what had arrived before, first", async () => {
    const { near, far } = await tcpPair();
    near.write("early");
    await once(far, "readable");
    const all = collect(far, 9);
    near.write("late");
    assert.equal((await all).toString(), "earlylate");
  });

  it("readSocket() leaves 'end' to the socket", async () => {
    const { near, far } = await tcpPair();
    readSocket(far, () => undefined);
    const ended = once(far, "end");
    near.end("bye");
    await ended;
  });

  it("readSocket() stops and goes on with pause() and resume()", async () => {
    const { near, far } = await tcpPair();
    const size = 4_000_000;
    const all = collect(far, size);
    far.pause();
    const bytes = numbered(size / 1000, 1000);
    near.write(bytes);
    // Everything the kernel takes is taken, nobody reads it.
    await new Promise(setImmediate);
    assert.equal(far.bytesRead, 0);
    far.resume();
    assert.deepEqual(await all, bytes);
  });
});

describe("SocketOutput", () => {
  it("SocketOutput sends the packets of one turn together, and in order", async () => {
    const { near, far } = await tcpPair();
    const wire = wireOf(near);
    const writes: string[] = [];
    const send = wire.send.bind(wire);
    wire.send = (data) => {
      writes.push(data.toString());
      return send(data);
    };
    const output = new SocketOutput(wire, () => undefined);
    const all = collect(far, 8);
    output.copy(Buffer.from("one "));
    output.copy(Buffer.from("two "));
    assert.deepEqual(writes, []);
    assert.equal(output.bytes, 8);
    assert.equal((await all).toString(), "one two ");
    assert.deepEqual(writes, ["one two "]);
  });

  it("SocketOutput says at the end of the turn that everything has left", async () => {
    const { near, far } = await tcpPair();
    far.resume();
    const drained: number[] = [];
    const output = new SocketOutput(wireOf(near), () => drained.push(output.pending));
    output.copy(Buffer.from("one "));
    output.copy(Buffer.from("two "));
    assert.deepEqual(drained, []);
    await new Promise(setImmediate);
    assert.deepEqual(drained, [0]);
  });

  it("SocketOutput does not use memory again that a slow reader has yet to get", async () => {
    const { near, far } = await tcpPair();
    const drained: number[] = [];
    const output = new SocketOutput(wireOf(near), () => drained.push(output.pending));
    const [count, size] = [1000, 30_000];
    for (let i = 0; i < count; i += 1) {
      output.copy(Buffer.alloc(size, i & 0xff));
      // Other connections take memory from the same pool meanwhile.
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    const other = await tcpPair();
    const noise = new SocketOutput(wireOf(other.near), () => undefined);
    readSocket(other.far, () => undefined);
    for (let i = 0; i < 200; i += 1) noise.copy(Buffer.alloc(size, 0xee));
    assert.ok(output.pending > 0);
    assert.deepEqual(await collect(far, count * size), numbered(count, size));
    assert.equal(drained.at(-1) ?? 0, 0);
  });

  it("SocketOutput drops what a destroyed socket will not take", async () => {
    const { near } = await tcpPair();
    const output = new SocketOutput(wireOf(near), () => undefined);
    output.copy(Buffer.from("lost"));
    near.destroy();
    output.flush();
    await once(near, "close");
    assert.equal(output.pending, 0);
  });
});
