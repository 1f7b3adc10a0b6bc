import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { after, describe, it } from "node:test";

import { tcpPair } from "./testing/tcp-pair.ts";
import type { TcpPair } from "./testing/tcp-pair.ts";
import { wireOf } from "./wire.ts";

const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

async function pair(): Promise<TcpPair> {
  const made = await tcpPair();
  closers.push(made.close);
  return made;
}

const MIB = 1024 * 1024;

describe("wireOf() a TCP socket", () => {
  it("send() gives the kernel what it takes at once, and says how much that was", async () => {
    const { near, far } = await pair();
    const wire = wireOf(near);
    assert.equal(wire.send(Buffer.from("at once")), 7);
    assert.equal(wire.waiting, 0);
    const [chunk] = (await once(far, "data")) as [Buffer];
    assert.equal(chunk.toString(), "at once");
  });

  it("send() takes a part when the peer does not read, write() the rest, and the order stays", async () => {
    const { near, far } = await pair();
    far.pause();
    const wire = wireOf(near);
    const bytes = Buffer.alloc(64 * MIB);
    for (let i = 0; i < bytes.length; i += MIB) bytes.fill(i / MIB, i, i + MIB);
    const sent = wire.send(bytes);
    assert.ok(sent > 0 && sent < bytes.length, String(sent));
    const written = new Promise<void>((resolve) => {
      wire.write(bytes.subarray(sent), resolve);
    });
    assert.equal(wire.waiting, bytes.length - sent);
    assert.equal(wire.send(Buffer.from("too early")), 0, "what waits comes first");
    const parts: Buffer[] = [];
    far.on("data", (chunk: Buffer) => parts.push(chunk)).resume();
    await written;
    assert.equal(wire.send(Buffer.from("last")), 4);
    wire.end();
    await once(far, "end");
    assert.ok(Buffer.concat(parts).equals(Buffer.concat([bytes, Buffer.from("last")])));
  });

  it("send() takes nothing while the stream has something that the kernel has room for again", async () => {
    const { near } = await pair();
    Object.defineProperty(near, "writableLength", { value: 1 });
    assert.equal(wireOf(near).send(Buffer.from("too early")), 0);
  });

  it("send() takes nothing while corked, and after the end", async () => {
    const { near } = await pair();
    const wire = wireOf(near);
    wire.cork();
    assert.equal(wire.send(Buffer.from("held")), 0);
    wire.uncork();
    wire.end();
    assert.equal(wire.open, false);
    assert.equal(wire.send(Buffer.from("late")), 0);
    wire.destroy();
    assert.equal(wire.send(Buffer.from("later")), 0);
  });

  it("send() never writes to a number that another socket has got since", async () => {
    const { near } = await pair();
    const wire = wireOf(near);
    wire.destroy();
    await once(near, "close");
    const others = await Promise.all([pair(), pair()]);
    assert.equal(wire.send(Buffer.from("somebody else's")), 0);
    for (const { near: one, far } of others) {
      one.end("own");
      const [chunk] = (await once(far, "data")) as [Buffer];
      assert.equal(chunk.toString(), "own");
    }
  });

  it("send() leaves a broken connection to write(), which reports it", async () => {
    const { near, far } = await pair();
    const wire = wireOf(near);
    const failed = new Promise<Error>((resolve) => {
      wire.listen({ error: resolve, end: () => undefined, close: () => undefined });
    });
    far.resetAndDestroy();
    await once(far, "close");
    // Without a reader the reset is found out by writing.
    while (wire.send(Buffer.from("x")) > 0) await new Promise(setImmediate);
    wire.write(Buffer.from("x"), () => undefined);
    assert.match(String(((await failed) as NodeJS.ErrnoException).code), /EPIPE|ECONNRESET/);
  });
});

describe("wireOf() another stream", () => {
  it("send() takes nothing: what is written may be kept by who reads it", () => {
    const [near, far] = duplexPair();
    const wire = wireOf(near);
    assert.equal(wire.releases, false);
    assert.equal(wire.send(Buffer.from("x")), 0);
    wire.write(Buffer.from("all of it"), () => undefined);
    assert.equal(String(far.read()), "all of it");
  });
});
