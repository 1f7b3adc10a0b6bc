import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import fc from "fast-check";

import { GcmCipher, GcmDecipher } from "./gcm.ts";
import { ssh2 } from "./internals.ts";
import { SocketOutput } from "./socket-output.ts";
import { wireOf } from "./wire.ts";
import type { NativeCipher, NativeDecipher } from "./ssh2-internals.ts";

ssh2();
type Native<T> = new (name: string, key: Buffer, iv: Buffer) => T;
const addon = createRequire(import.meta.url)("ssh2/lib/protocol/crypto/build/Release/sshcrypto.node") as {
  readonly AESGCMCipher: Native<NativeCipher>;
  readonly AESGCMDecipher: Native<NativeDecipher>;
};

interface Ends {
  readonly seal: (payload: Buffer) => Buffer;
  readonly sealData: (channel: number, data: Buffer) => Buffer;
  readonly decipher: GcmDecipher;
  readonly opened: Buffer[];
  /** What took the shortest way. */
  readonly shortcut: Buffer[];
  readonly owner: { paused: boolean };
  /** What was left to be read later. */
  readonly rest: Buffer[];
}

/** Two ends under one key; what is opened is copied, as everybody must. */
function createEnds(): Ends {
  const [key, iv] = [randomBytes(16), randomBytes(12)];
  const socket = new PassThrough();
  const output = new SocketOutput(wireOf(socket), () => undefined);
  const cipher = new GcmCipher(new addon.AESGCMCipher("aes-128-gcm", key, iv), 0, output);
  const opened: Buffer[] = [];
  const shortcut: Buffer[] = [];
  const native = new addon.AESGCMDecipher("aes-128-gcm", key, iv);
  function onPayload(payload: Buffer): undefined {
    opened.push(Buffer.from(payload));
  }
  const rest: Buffer[] = [];
  const owner = {
    data(payload: Buffer): undefined {
      shortcut.push(Buffer.from(payload));
      onPayload(payload);
    },
    paused: false,
    rest: (bytes: Buffer) => rest.push(Buffer.from(bytes)),
  };
  const decipher = new GcmDecipher({ native, inSeqno: 0, onPayload, owner });
  function seal(payload: Buffer): Buffer {
    const packet = cipher.allocPacket(payload.length);
    packet.set(payload, 5);
    cipher.encrypt(packet);
    return Buffer.from(socket.read() as Buffer);
  }
  function sealData(channel: number, data: Buffer): Buffer {
    cipher.sendData(channel, data);
    return Buffer.from(socket.read() as Buffer);
  }
  return { seal, sealData, decipher, opened, shortcut, owner, rest };
}

/** Feeds `bytes` in pieces, each from the same memory, which is overwritten between the pieces. */
function feed(decipher: GcmDecipher, bytes: Buffer, sizes: readonly number[]): void {
  const memory = Buffer.alloc(80_000);
  let position = 0;
  for (let i = 0; position < bytes.length; i += 1) {
    const size = Math.min(sizes[i % sizes.length] ?? 1, bytes.length - position, memory.length);
    bytes.copy(memory, 0, position, position + size);
    assert.equal(decipher.decrypt(memory.subarray(0, size), 0, size), undefined);
    memory.fill(0xee);
    position += size;
  }
}

/** A payload of a type; 94 is looked at in place. */
function payload(type: number, size: number): Buffer {
  const bytes = Buffer.alloc(size, size & 0xff);
  bytes[0] = type;
  return bytes;
}

describe("GcmDecipher", () => {
  it("GcmDecipher opens what GcmCipher sealed, wherever the reads split it", () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(32_768, 32_777, 4096));
    const step = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(16_384, 32_768, 65_536));
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 6 }),
        fc.array(step, { minLength: 1, maxLength: 4 }),
        (sizes, steps) => {
          const { seal, decipher, opened } = createEnds();
          const payloads = sizes.map((bytes, i) => payload(i % 2 === 0 ? 94 : 98, bytes));
          feed(decipher, Buffer.concat(payloads.map((one) => seal(one))), steps);
          assert.deepEqual(opened, payloads);
          assert.equal(decipher.inSeqno, payloads.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("GcmDecipher gives channel data the short way, but not while keys are exchanged", () => {
    const { sealData, seal, decipher, opened, shortcut } = createEnds();
    const data = sealData(7, Buffer.from("bytes"));
    decipher.decrypt(data, 0, data.length);
    const message = Buffer.from([94, 0, 0, 0, 7, 0, 0, 0, 5, ...Buffer.from("bytes")]);
    assert.deepEqual(shortcut, [message]);
    const other = seal(payload(98, 20));
    decipher.decrypt(other, 0, other.length);
    assert.deepEqual(shortcut, [message]);
    assert.deepEqual(opened, [message, payload(98, 20)]);
    const exchanging: Buffer[] = [];
    decipher._onPayload = (one) => {
      exchanging.push(Buffer.from(one));
      return undefined;
    };
    const inside = sealData(7, Buffer.from("bytes"));
    decipher.decrypt(inside, 0, inside.length);
    assert.deepEqual(exchanging, [message]);
    assert.deepEqual(shortcut, [message]);
  });

  it("GcmDecipher gives messages that somebody may keep memory of their own", () => {
    const { seal, decipher } = createEnds();
    const kept: Buffer[] = [];
    decipher._onPayload = (one) => {
      kept.push(one);
      return undefined;
    };
    const chunk = seal(payload(20, 1500));
    decipher.decrypt(chunk, 0, chunk.length);
    chunk.fill(0);
    assert.deepEqual(kept, [payload(20, 1500)]);
  });

  it("GcmDecipher stops where a payload says so, and says where to go on", () => {
    const { seal, decipher } = createEnds();
    const first = seal(payload(21, 1));
    const both = Buffer.concat([first, seal(payload(94, 9))]);
    decipher._onPayload = () => false;
    assert.equal(decipher.decrypt(both, 0, both.length), first.length);
    decipher._onPayload = () => Infinity;
    assert.equal(decipher.decrypt(both, first.length, both.length), Infinity);
  });

  it("GcmDecipher leaves what follows to its owner during a pause, and goes on there", () => {
    const { sealData, decipher, opened, owner, rest } = createEnds();
    const all = Buffer.concat([1, 2, 3].map((channel) => sealData(channel, Buffer.from("x"))));
    const half = all.length / 3 + 5;
    owner.paused = true;
    assert.equal(decipher.decrypt(all, 0, half), Infinity);
    assert.equal(rest.length, 1);
    const more = Buffer.concat([...rest.splice(0), all.subarray(half)]);
    assert.equal(decipher.decrypt(more, 0, more.length), Infinity);
    assert.equal(opened.length, 2);
    owner.paused = false;
    const last = Buffer.concat(rest);
    assert.equal(decipher.decrypt(last, 0, last.length), undefined);
    assert.deepEqual(
      opened.map((one) => one.readUInt32BE(1)),
      [1, 2, 3],
    );
  });

  it("GcmDecipher refuses a changed packet and a length that cannot be", () => {
    const { seal, decipher, opened } = createEnds();
    const packet = seal(payload(94, 100));
    packet[20] = (packet[20] ?? 0) ^ 1;
    assert.throws(() => decipher.decrypt(packet, 0, packet.length));
    for (const length of [0, 8, 17, 35_008, 0xffff_fff0]) {
      const head = Buffer.alloc(16);
      head.writeUInt32BE(length, 0);
      assert.throws(() => createEnds().decipher.decrypt(head, 0, 16), /bad packet length/, `${length}`);
    }
    assert.deepEqual(opened, []);
  });
});
