/**
 * Makes other bytes out of known ones: some changes know nothing, some know that
 * SSH writes lengths and counts as 32 bits in front of what they count.
 */
import type { Random } from "./random.ts";

/** Beyond it nothing new happens: every parser has its bound far below. */
const MAX_BYTES = 70_000;
const INTERESTING = [
  0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 64, 127, 128, 255, 256, 1024, 4096, 32_768, 65_535,
];
const EXTREME = [0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

type Change = (bytes: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

function flipBit(bytes: Buffer, random: Random): Buffer {
  const at = random.int(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
  return bytes;
}

function setByte(bytes: Buffer, random: Random): Buffer {
  bytes[random.int(bytes.length)] = random.once(2) ? random.int(256) : random.pick([0, 1, 0x7f, 0x80, 0xff]);
  return bytes;
}

function setNumber(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < 4) return bytes;
  const value = random.once(4) ? random.pick(EXTREME) : random.pick(INTERESTING);
  bytes.writeUInt32BE(value, random.int(bytes.length - 3));
  return bytes;
}

/** A length that is there already, one more or one less than it was. */
function nudgeLength(bytes: Buffer, random: Random): Buffer {
  for (let tries = 0; tries < 8 && bytes.length >= 4; tries += 1) {
    const at = random.int(bytes.length - 3);
    const value = bytes.readUInt32BE(at);
    if (value === 0 || value > bytes.length) continue;
    bytes.writeUInt32BE(Math.max(value + random.pick([-1, 1, -4, 4]), 0), at);
    return bytes;
  }
  return bytes;
}

function cut(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.int(bytes.length));
}

function remove(bytes: Buffer, random: Random): Buffer {
  const from = random.int(bytes.length);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.int(16))]);
}

function insert(bytes: Buffer, random: Random): Buffer {
  const at = random.int(bytes.length + 1);
  const more = random.once(3)
    ? Buffer.alloc(random.pick(INTERESTING), random.int(256))
    : random.bytes(1 + random.int(8));
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
}

function repeat(bytes: Buffer, random: Random): Buffer {
  const from = random.int(bytes.length);
  const part = bytes.subarray(from, from + 1 + random.int(64));
  const at = random.int(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
}

function splice(bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  const other = random.pick(others);
  return Buffer.concat([
    bytes.subarray(0, random.int(bytes.length)),
    other.subarray(random.int(other.length)),
  ]);
}

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setNumber,
  nudgeLength,
  nudgeLength,
  cut,
  remove,
  insert,
  repeat,
  splice,
];

/** One of the corpus, changed a few times. Never the corpus's own memory. */
export function mutate(corpus: readonly Buffer[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(corpus));
  for (let times = random.pick([1, 1, 1, 2, 2, 3, 5, 8]); times > 0; times -= 1) {
    bytes = bytes.length === 0 ? random.bytes(4) : random.pick(CHANGES)(bytes, random, corpus);
  }
  return bytes.subarray(0, MAX_BYTES);
}
