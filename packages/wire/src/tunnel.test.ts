import assert from "node:assert/strict";
import { test } from "node:test";

import { SshWriter } from "@teleport-access/sshcert";
import fc from "fast-check";

import { digestTargets } from "./targets.ts";
import { decodeTransportRequest, encodeTransportRequest, tunnelUserName } from "./tunnel.ts";
import { WireError } from "./wire-error.ts";

const REQUEST = { host: "web-1", port: 22, user: "alice", sessionId: "abc", clientAddress: "192.0.2.1" };

test("decodeTransportRequest reads what encodeTransportRequest writes", () => {
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
  const request = fc.record(
    {
      host: fc.array(name, { minLength: 1, maxLength: 4 }).map((labels) => labels.join(".")),
      port: fc.integer({ min: 1, max: 65_535 }),
      user: name,
      sessionId: fc.stringMatching(/^[!-~]{1,128}$/),
      clientAddress: fc.oneof(fc.ipV4(), fc.ipV6()),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(request, (r) => {
      assert.deepEqual(decodeTransportRequest(encodeTransportRequest(r)), r);
    }),
  );
});

test("decodeTransportRequest reads any bytes or throws WireError", () => {
  const good = encodeTransportRequest(REQUEST);
  const mutated = fc
    .tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length))
    .map(([at, value, end]) => {
      const copy = Buffer.from(good);
      copy[at] = value;
      return copy.subarray(0, end);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), mutated), (bytes) => {
      try {
        decodeTransportRequest(bytes);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

const BAD: readonly { name: string; payload: Buffer; why: string }[] = [
  { name: "port 0", payload: encodeTransportRequest({ ...REQUEST, port: 0 }), why: "connects nowhere" },
  { name: "port 65536", payload: encodeTransportRequest({ ...REQUEST, port: 65_536 }), why: "16 bits" },
  {
    name: "a host with a slash",
    payload: encodeTransportRequest({ ...REQUEST, host: "a/b" }),
    why: "no name",
  },
  {
    name: "a host with a newline",
    payload: encodeTransportRequest({ ...REQUEST, host: "a\nb" }),
    why: "forged log lines",
  },
  { name: "no host", payload: encodeTransportRequest({ ...REQUEST, host: "" }), why: "no name" },
  {
    name: "a user with a space",
    payload: encodeTransportRequest({ ...REQUEST, user: "a b" }),
    why: "no name",
  },
  {
    name: "an unprintable session",
    payload: encodeTransportRequest({ ...REQUEST, sessionId: "\x1b[2J" }),
    why: "it is logged",
  },
  {
    name: "an unprintable client",
    payload: encodeTransportRequest({ ...REQUEST, clientAddress: "" }),
    why: "it is logged",
  },
  {
    name: "trailing bytes",
    payload: Buffer.concat([encodeTransportRequest(REQUEST), Buffer.of(0)]),
    why: "strict",
  },
  { name: "4 KiB", payload: new SshWriter().string(Buffer.alloc(4096, 97)).done(), why: "bounded" },
];
for (const row of BAD) {
  test(`decodeTransportRequest refuses ${row.name}`, () => {
    assert.throws(() => decodeTransportRequest(row.payload), WireError, row.why);
  });
}

test("tunnelUserName cannot be a person's name", () => {
  assert.equal(tunnelUserName("prod"), "cluster:prod");
});

test("digestTargets ignores the order of targets and ports, and nothing else", () => {
  const [a, b] = [
    { host: "a", ports: [22, 80] },
    { host: "b", ports: [] },
  ];
  assert.equal(digestTargets([a, b]), digestTargets([b, { host: "a", ports: [80, 22] }]));
  assert.notEqual(digestTargets([a, b]), digestTargets([a]));
  assert.notEqual(digestTargets([a]), digestTargets([{ host: "a", ports: [22] }]));
  assert.match(digestTargets([]), /^sha256:[0-9a-f]{64}$/);
});
