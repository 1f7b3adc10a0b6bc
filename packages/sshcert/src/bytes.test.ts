import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { bitLength, keepCopy, SshFormatError, SshReader, SshWriter } from "./bytes.ts";

function reader(hex: string): SshReader {
  return new SshReader(Buffer.from(hex.replace(/ /g, ""), "hex"));
}

test("keepCopy shares memory with nobody", () => {
  const bytes = Buffer.from("certificate");
  const copy = keepCopy(bytes);
  bytes.fill(0);
  assert.equal(copy.toString(), "certificate");
  assert.equal(copy.buffer.byteLength, copy.length);
});

test("SshReader reads what SshWriter wrote", () => {
  const fields = fc.record({
    u8: fc.integer({ min: 0, max: 255 }),
    u32: fc.integer({ min: 0, max: 0xffff_ffff }),
    u64: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    string: fc.uint8Array(),
    text: fc.string({ unit: "grapheme" }).filter((t) => !t.includes("\0")),
    mpint: fc.uint8Array({ minLength: 1, maxLength: 64 }).filter((b) => b.some((byte) => byte !== 0)),
  });
  fc.assert(
    fc.property(fields, (f) => {
      const writer = new SshWriter()
        .u8(f.u8)
        .u32(f.u32)
        .u64(f.u64)
        .string(f.string)
        .string(f.text)
        .mpint(f.mpint);
      const r = new SshReader(writer.done());
      assert.equal(r.u8(), f.u8);
      assert.equal(r.u32(), f.u32);
      assert.equal(r.u64(), f.u64);
      assert.deepEqual([...r.string()], [...f.string]);
      assert.equal(r.text(), f.text);
      const start = f.mpint.findIndex((byte) => byte !== 0);
      assert.deepEqual([...r.mpint()], [...f.mpint.subarray(start)]);
      r.end();
    }),
  );
});

test("SshReader reads any bytes or throws SshFormatError", () => {
  const step = fc.constantFrom("u8", "u32", "u64", "string", "text", "mpint", "end");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(step, { maxLength: 8 }), (bytes, steps) => {
      const r = new SshReader(bytes);
      try {
        for (const name of steps) r[name]();
      } catch (error) {
        assert.ok(error instanceof SshFormatError, String(error));
        assert.equal(error.code, "SSH_FORMAT");
      }
      assert.equal(r.position + r.left, bytes.length);
    }),
  );
});

const REFUSALS: readonly {
  name: string;
  input: string;
  read: (r: SshReader) => unknown;
  want: RegExp;
  why: string;
}[] = [
  {
    name: "a cut-off string",
    input: "00000005 61",
    read: (r) => r.string(),
    want: /too early/,
    why: "length lies",
  },
  {
    name: "a 4 GiB string",
    input: "ffffffff 61",
    read: (r) => r.string(),
    want: /at most/,
    why: "no allocation by length",
  },
  {
    name: "a string over its limit",
    input: "00000002 6161",
    read: (r) => r.string(1),
    want: /at most 1/,
    why: "bounded",
  },
  {
    name: "NUL in text",
    input: "00000003 610062",
    read: (r) => r.text(),
    want: /NUL/,
    why: "C strings end there",
  },
  { name: "bad UTF-8", input: "00000002 c080", read: (r) => r.text(), want: /UTF-8/, why: "overlong NUL" },
  { name: "a zero number", input: "00000000", read: (r) => r.mpint(), want: /zero/, why: "no key has one" },
  {
    name: "a negative number",
    input: "00000001 80",
    read: (r) => r.mpint(),
    want: /negative/,
    why: "RFC 4251, section 5",
  },
  {
    name: "a padded number",
    input: "00000002 0001",
    read: (r) => r.mpint(),
    want: /minimal/,
    why: "two spellings",
  },
  {
    name: "a lone zero byte",
    input: "00000001 00",
    read: (r) => r.mpint(),
    want: /minimal/,
    why: "two spellings",
  },
  {
    name: "a long number",
    input: "00000002 01ff",
    read: (r) => r.mpint(8),
    want: /longer than 8 bits/,
    why: "bounded work",
  },
  {
    name: "trailing bytes",
    input: "00",
    read: (r) => {
      r.end();
    },
    want: /1 bytes after/,
    why: "smuggled data",
  },
];

for (const row of REFUSALS) {
  test(`SshReader refuses ${row.name}`, () => {
    assert.throws(() => row.read(reader(row.input)), { name: "SshFormatError", message: row.want }, row.why);
  });
}

test("SshReader keeps a byte order mark, so that reading and writing are inverse", () => {
  assert.equal(new SshReader(new SshWriter().string("\ufeffx").done()).text(), "\ufeffx");
});

test("SshReader raw takes bytes without a length", () => {
  const r = reader("0102 03");
  assert.deepEqual([...r.raw(2)], [1, 2]);
  assert.equal(r.left, 1);
});

test("bitLength counts from the highest set bit", () => {
  assert.equal(bitLength(Uint8Array.of()), 0);
  assert.equal(bitLength(Uint8Array.of(0, 0)), 0);
  assert.equal(bitLength(Uint8Array.of(1)), 1);
  assert.equal(bitLength(Uint8Array.of(0, 0x80, 0)), 16);
});
