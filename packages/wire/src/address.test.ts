import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { formatAddress, parseAddress, parseTunnelAddress } from "./address.ts";

const GOOD: readonly [string, string, number][] = [
  ["proxy.example:3024", "proxy.example", 3024],
  ["10.0.0.1:22", "10.0.0.1", 22],
  ["[2001:db8::1]:443", "2001:db8::1", 443],
  ["localhost:65535", "localhost", 65_535],
];
for (const [text, host, port] of GOOD) {
  test(`parseAddress reads ${text}`, () => {
    assert.deepEqual(parseAddress(text), { host, port });
    assert.equal(formatAddress({ host, port }), text);
  });
}

for (const text of [
  "",
  "host",
  "host:",
  ":22",
  "host:0",
  "host:65536",
  "host:1e3",
  "2001:db8::1:22",
  "[nope]:22",
  "[]:22",
  "a b:22",
  "1.2.3:22",
  "999.1.1.1:22",
  "-x:22",
  "host:22 ",
  "https://host:22",
]) {
  test(`parseAddress refuses ${JSON.stringify(text)}`, () => {
    assert.equal(parseAddress(text), undefined);
  });
}

test("parseAddress reads back what formatAddress writes", () => {
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65_535 }), (h, port) => {
      assert.deepEqual(parseAddress(formatAddress({ host: h, port })), { host: h, port });
    }),
  );
});

const TUNNEL_ROWS = [
  { text: "proxy.example:3024", want: { transport: "tcp", host: "proxy.example", port: 3024 } },
  { text: "[2001:db8::1]:3024", want: { transport: "tcp", host: "2001:db8::1", port: 3024 } },
  { text: "wss://proxy.example", want: { transport: "wss", host: "proxy.example", port: 443 } },
  { text: "wss://proxy.example:8443", want: { transport: "wss", host: "proxy.example", port: 8443 } },
  { text: "wss://192.0.2.1", want: { transport: "wss", host: "192.0.2.1", port: 443 } },
  { text: "wss://[2001:db8::1]", want: { transport: "wss", host: "2001:db8::1", port: 443 } },
  { text: "wss://[2001:db8::1]:8443", want: { transport: "wss", host: "2001:db8::1", port: 8443 } },
  ...[
    "proxy.example",
    "ws://proxy.example",
    "https://proxy.example",
    "WSS://proxy.example",
    "wss://",
    "wss://proxy.example/",
    "wss://proxy.example/tunnel/v1",
    "wss://user@proxy.example",
    "wss://proxy.example:0",
    "wss://proxy.example:65536",
    "wss://2001:db8::1",
    "wss://proxy.example?x",
    "wss://wss://proxy.example",
  ].map((text) => ({ text, want: undefined })),
];

for (const { text, want } of TUNNEL_ROWS) {
  test(`parseTunnelAddress says ${want === undefined ? "no" : `${want.transport} ${want.host} ${want.port}`} to ${text}`, () => {
    assert.deepEqual(parseTunnelAddress(text), want);
  });
}
