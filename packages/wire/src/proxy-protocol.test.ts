import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";

import fc from "fast-check";

import { MAX_PROXY_HEADER_BYTES } from "./limits.ts";
import { parseProxyHeader } from "./proxy-protocol.ts";
import type { ProxyHeaderParse } from "./proxy-protocol.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";

function text(line: string): Buffer {
  return Buffer.from(line, "latin1");
}

/** Version 2: command and family as hexadecimal, then the block. */
function binary(head: string, block: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(block.length);
  return Buffer.concat([Buffer.from(SIGNATURE + head, "hex"), length, block]);
}

const V4 = Buffer.from("c0000201" + "c6336401" + "1f90" + "0bcf", "hex");
const V6 = Buffer.from(
  "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "1f90" + "0bcf",
  "hex",
);
const TLV = Buffer.from("040003" + "aabbcc" + "ea0001" + "01", "hex");

const GOOD: readonly {
  name: string;
  bytes: Buffer;
  source: { address: string; port: number } | undefined;
}[] = [
  {
    name: "version 1 over IPv4",
    bytes: text("PROXY TCP4 192.0.2.1 198.51.100.1 8080 3023\r\n"),
    source: { address: "192.0.2.1", port: 8080 },
  },
  {
    name: "version 1 over IPv6",
    bytes: text("PROXY TCP6 2001:db8::1 2001:db8::2 8080 3023\r\n"),
    source: { address: "2001:db8::1", port: 8080 },
  },
  {
    name: "version 1 with the longest addresses",
    bytes: text(`PROXY TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    source: { address: `${"ffff:".repeat(7)}ffff`, port: 65_535 },
  },
  {
    name: "version 1 with an IPv4 address in an IPv6 one",
    bytes: text("PROXY TCP6 ::FFFF:192.0.2.1 ::1 8080 3023\r\n"),
    source: { address: "192.0.2.1", port: 8080 },
  },
  {
    name: "version 2 with an IPv4 address in an IPv6 one",
    bytes: binary(
      "2121",
      Buffer.concat([Buffer.from("00000000000000000000ffffc0000201", "hex"), V6.subarray(16)]),
    ),
    source: { address: "192.0.2.1", port: 8080 },
  },
  { name: "version 1 of an unknown peer", bytes: text("PROXY UNKNOWN\r\n"), source: undefined },
  {
    name: "version 1, unknown, with 107 bytes",
    bytes: text(`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    source: undefined,
  },
  { name: "version 2 over IPv4", bytes: binary("2111", V4), source: { address: "192.0.2.1", port: 8080 } },
  { name: "version 2 over IPv6", bytes: binary("2121", V6), source: { address: "2001:db8::1", port: 8080 } },
  {
    name: "version 2 with extensions",
    bytes: binary("2111", Buffer.concat([V4, TLV])),
    source: { address: "192.0.2.1", port: 8080 },
  },
  {
    name: "version 2 as long as it may be",
    bytes: binary("2111", Buffer.concat([V4, Buffer.alloc(MAX_PROXY_HEADER_BYTES - 28)])),
    source: { address: "192.0.2.1", port: 8080 },
  },
  { name: "version 2, LOCAL: a health check", bytes: binary("2000", Buffer.alloc(0)), source: undefined },
  {
    name: "version 2, LOCAL, with addresses that do not count",
    bytes: binary("2011", V4),
    source: undefined,
  },
  {
    name: "version 2, LOCAL, with a family that does not exist",
    bytes: binary("20ff", V4),
    source: undefined,
  },
  { name: "version 2, unspecified", bytes: binary("2100", TLV), source: undefined },
  { name: "version 2 over a UNIX socket", bytes: binary("2131", Buffer.alloc(216)), source: undefined },
];

for (const { name, bytes, source } of GOOD) {
  test(`parseProxyHeader reads ${name}, and leaves what follows`, () => {
    const want: ProxyHeaderParse = { state: "complete", length: bytes.length, source };
    assert.deepEqual(parseProxyHeader(bytes), want);
    assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, text("SSH-2.0-client\r\n")])), want);
    for (let length = 0; length < bytes.length; length += 1) {
      assert.deepEqual(
        parseProxyHeader(bytes.subarray(0, length)),
        { state: "incomplete" },
        `${length} bytes`,
      );
    }
  });
}

const BAD: readonly { name: string; bytes: Buffer; problem: string }[] = [
  { name: "a client of SSH", bytes: text("SSH-2.0-OpenSSH_9.2\r\n"), problem: "no-header" },
  { name: "a client of TLS", bytes: Buffer.from("160301", "hex"), problem: "no-header" },
  { name: "lower case", bytes: text("proxy TCP4"), problem: "no-header" },
  {
    name: "a signature with one wrong byte",
    bytes: Buffer.from("0d0a0d0a000d0a515549540b", "hex"),
    problem: "no-header",
  },
  { name: "another protocol", bytes: text("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), problem: "unsupported" },
  { name: "two spaces", bytes: text("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"), problem: "malformed" },
  { name: "an address of the other family", bytes: text("PROXY TCP4 ::1 ::1 1 2\r\n"), problem: "malformed" },
  { name: "IPv4 in TCP6", bytes: text("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), problem: "malformed" },
  { name: "a name", bytes: text("PROXY TCP4 localhost 192.0.2.2 1 2\r\n"), problem: "malformed" },
  { name: "an octal address", bytes: text("PROXY TCP4 0300.0.2.1 192.0.2.2 1 2\r\n"), problem: "malformed" },
  { name: "a zone", bytes: text("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"), problem: "malformed" },
  {
    name: "a port too large",
    bytes: text("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
    problem: "malformed",
  },
  {
    name: "a port with a zero before it",
    bytes: text("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
    problem: "malformed",
  },
  { name: "a negative port", bytes: text("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"), problem: "malformed" },
  { name: "a field too many", bytes: text("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), problem: "malformed" },
  { name: "a field too few", bytes: text("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), problem: "malformed" },
  {
    name: "a line feed alone",
    bytes: text("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n"),
    problem: "malformed",
  },
  { name: "a line without end", bytes: text(`PROXY UNKNOWN ${"x".repeat(200)}`), problem: "too-long" },
  { name: "a line of 108 bytes", bytes: text(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`), problem: "too-long" },
  { name: "version 1 in binary", bytes: binary("1111", V4), problem: "unsupported" },
  { name: "version 3", bytes: binary("3111", V4), problem: "unsupported" },
  { name: "a command that does not exist", bytes: binary("2211", V4), problem: "unsupported" },
  { name: "datagrams", bytes: binary("2112", V4), problem: "unsupported" },
  { name: "a family that does not exist", bytes: binary("2141", V6), problem: "unsupported" },
  { name: "IPv4 cut short", bytes: binary("2111", V4.subarray(1)), problem: "malformed" },
  { name: "IPv6 cut short", bytes: binary("2121", V6.subarray(1)), problem: "malformed" },
  { name: "UNIX cut short", bytes: binary("2131", Buffer.alloc(215)), problem: "malformed" },
  { name: "a header too long", bytes: binary("2111", Buffer.alloc(537)), problem: "too-long" },
  {
    name: "a header of 64 KiB, announced",
    bytes: Buffer.from(`${SIGNATURE}2111ffff`, "hex"),
    problem: "too-long",
  },
];

for (const { name, bytes, problem } of BAD) {
  test(`parseProxyHeader refuses ${name}`, () => {
    assert.deepEqual(parseProxyHeader(bytes), { state: "refused", problem });
  });
}

/** Bytes that begin well more often than random ones do. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 700 }).map((array) => Buffer.from(array)),
  fc
    .tuple(fc.constantFrom(...GOOD.map((row) => row.bytes)), fc.nat(), fc.nat(255))
    .map(([header, at, value]) => {
      const changed = Buffer.from(header);
      changed[at % changed.length] = value;
      return changed;
    }),
  fc
    .tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ maxLength: 700 }))
    .map(([head, block]) => Buffer.concat([Buffer.from(SIGNATURE, "hex"), head, block])),
  fc.string({ maxLength: 120 }).map((line) => text(`PROXY ${line}\r\n`)),
);

test("parseProxyHeader reads any bytes or refuses them, and never waits for more than its bound", () => {
  fc.assert(
    fc.property(bytes, (input) => {
      const parse = parseProxyHeader(input);
      if (parse.state === "incomplete") assert.ok(input.length < MAX_PROXY_HEADER_BYTES);
      if (parse.state !== "complete") return;
      assert.ok(parse.length <= input.length && parse.length <= MAX_PROXY_HEADER_BYTES);
      if (parse.source === undefined) return;
      assert.notEqual(isIP(parse.source.address), 0, parse.source.address);
      assert.ok(parse.source.port >= 0 && parse.source.port <= 65_535);
    }),
    { numRuns: 5_000 },
  );
});

test("parseProxyHeader does not change its mind when more arrives", () => {
  fc.assert(
    fc.property(bytes, fc.nat(), (input, at) => {
      const early = parseProxyHeader(input.subarray(0, at % (input.length + 1)));
      if (early.state !== "incomplete") assert.deepEqual(parseProxyHeader(input), early);
    }),
    { numRuns: 5_000 },
  );
});

test("parseProxyHeader gives back every address that was written", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 65_535 }), (address, port) => {
      const block = Buffer.from([...address.split(".").map(Number), 0, 0, 0, 0, port >> 8, port & 255, 0, 1]);
      for (const header of [text(`PROXY TCP4 ${address} 192.0.2.1 ${port} 1\r\n`), binary("2111", block)]) {
        const parse = parseProxyHeader(header);
        assert.deepEqual(parse.state === "complete" && parse.source, { address, port });
      }
    }),
  );
});
