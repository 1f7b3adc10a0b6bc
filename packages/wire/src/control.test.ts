import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ControlReader, encodeControlMessage, parseAgentMessage, parseProxyMessage } from "./control.ts";
import { CONTROL_MESSAGE_BURST, CONTROL_MESSAGES_PER_SECOND } from "./limits.ts";
import type { AgentMessage, ProxyMessage } from "./control.ts";
import { WireError } from "./wire-error.ts";

const FINGERPRINT = `SHA256:${"A".repeat(43)}`;
const HELLO: ProxyMessage = {
  type: "hello",
  version: 1,
  proxy: "main",
  replica: "main-a",
  hostCAFingerprints: [FINGERPRINT],
};
const AGENT_HELLO: AgentMessage = {
  type: "hello",
  version: 1,
  agent: "prod-agent-x",
  cluster: "prod",
  userCAFingerprints: [FINGERPRINT],
  targets: [{ host: "web-*", ports: [22] }],
};

/** Cuts bytes into chunks of the given sizes, over and over. */
function chunks(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/);
const proxyMessage: fc.Arbitrary<ProxyMessage> = fc.oneof(
  fc.record(
    { type: fc.constant("replicas" as const), replicas: fc.array(name, { maxLength: 64 }) },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      type: fc.constant("authorities" as const),
      hostCAFingerprints: fc.constantFrom([], [FINGERPRINT]),
    },
    { noNullPrototype: true },
  ),
  fc.constant({ type: "drain" as const }),
);

function frozen(): number {
  return 0;
}

test("ControlReader reads what encodeControlMessage writes, however it is cut", () => {
  fc.assert(
    fc.property(
      fc.array(proxyMessage, { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
      (messages, sizes) => {
        const all = [HELLO, ...messages];
        const reader = new ControlReader<ProxyMessage>(parseProxyMessage, frozen);
        const bytes = Buffer.concat(all.map(encodeControlMessage));
        assert.deepEqual(
          chunks(bytes, sizes).flatMap((chunk) => reader.push(chunk)),
          all,
        );
      },
    ),
  );
});

test("ControlReader reads an agent's messages", () => {
  const targets: AgentMessage = { type: "targets", userCAFingerprints: [], targets: [] };
  const reader = new ControlReader<AgentMessage>(parseAgentMessage, frozen);
  const bytes = Buffer.concat([encodeControlMessage(AGENT_HELLO), encodeControlMessage(targets)]);
  assert.deepEqual(reader.push(bytes), [AGENT_HELLO, targets]);
});

test("ControlReader reads any bytes or throws WireError", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(`${text}\n`)),
      ),
      (bytes) => {
        for (const parse of [parseProxyMessage, parseAgentMessage]) {
          try {
            new ControlReader<AgentMessage | ProxyMessage>(parse, frozen).push(bytes);
          } catch (error) {
            assert.ok(error instanceof WireError, String(error));
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("ControlReader skips types of a newer peer, once it has said hello", () => {
  const reader = new ControlReader<ProxyMessage>(parseProxyMessage, frozen);
  reader.push(encodeControlMessage(HELLO));
  assert.deepEqual(reader.push(Buffer.from('{"type":"from-the-future","x":1}\n{"type":"drain"}\n')), [
    { type: "drain" },
  ]);
});

const BAD: readonly { name: string; lines: string; want: RegExp; why: string }[] = [
  {
    name: "a first message that is not hello",
    lines: '{"type":"drain"}\n',
    want: /first must be hello/,
    why: "nobody knows who speaks",
  },
  {
    name: "an unknown first message",
    lines: '{"type":"x"}\n',
    want: /first must be hello/,
    why: "nobody knows who speaks",
  },
  {
    name: "a second hello",
    lines: JSON.stringify(HELLO) + "\n" + JSON.stringify(HELLO) + "\n",
    want: /second hello/,
    why: "an identity that changes",
  },
  { name: "a line that is not JSON", lines: "hello\n", want: /not JSON/, why: "strict" },
  { name: "an empty line", lines: "\n", want: /not JSON/, why: "strict" },
  { name: "a list", lines: "[]\n", want: /must be an object/, why: "strict" },
  { name: "a message without a type", lines: "{}\n", want: /type: is missing/, why: "strict" },
  {
    name: "version 0",
    lines: JSON.stringify({ ...HELLO, version: 0 }) + "\n",
    want: /version/,
    why: "no such version",
  },
  {
    name: "65 replicas",
    lines:
      JSON.stringify(HELLO) +
      "\n" +
      JSON.stringify({ type: "replicas", replicas: Array.from({ length: 65 }, () => "a") }) +
      "\n",
    want: /at most 64/,
    why: "bounded",
  },
  {
    name: "a fingerprint that is none",
    lines: JSON.stringify({ ...HELLO, hostCAFingerprints: ["x"] }) + "\n",
    want: /hostCAFingerprints\[0\]/,
    why: "rotation rests on it",
  },
];
for (const row of BAD) {
  test(`ControlReader refuses ${row.name}`, () => {
    const reader = new ControlReader<ProxyMessage>(parseProxyMessage, frozen);
    assert.throws(
      () => reader.push(Buffer.from(row.lines)),
      { code: "WIRE_FORMAT", message: row.want },
      row.why,
    );
  });
}

test("ControlReader refuses a line without end at 64 KiB, in whatever pieces", () => {
  const reader = new ControlReader<ProxyMessage>(parseProxyMessage, frozen);
  for (let i = 0; i < 64; i++) reader.push(Buffer.alloc(1024, 97));
  assert.throws(() => reader.push(Buffer.alloc(1)), /too long/);
});

test("ControlReader holds a peer to a burst of messages, and to a rate after it", () => {
  let now = 0;
  const reader = new ControlReader<ProxyMessage>(parseProxyMessage, () => now);
  const unknown = Buffer.from('{"type":"from-the-future"}\n');
  reader.push(encodeControlMessage(HELLO));
  for (let i = 1; i < CONTROL_MESSAGE_BURST; i++) reader.push(unknown);
  now += 1000;
  for (let i = 0; i < CONTROL_MESSAGES_PER_SECOND; i++) reader.push(unknown);
  assert.throws(() => reader.push(unknown), /too many/);
});

test("ControlReader joins a line that comes byte by byte", () => {
  const reader = new ControlReader<ProxyMessage>(parseProxyMessage, frozen);
  const messages = [...encodeControlMessage(HELLO)].flatMap((byte) => reader.push(Buffer.of(byte)));
  assert.deepEqual(messages, [HELLO]);
});

test("ControlReader does not keep the chunk's memory", () => {
  const reader = new ControlReader<ProxyMessage>(parseProxyMessage, frozen);
  const line = encodeControlMessage(HELLO);
  const chunk = Buffer.from(line.subarray(0, 20));
  reader.push(chunk);
  chunk.fill(0);
  assert.deepEqual(reader.push(line.subarray(20)), [HELLO]);
});

test("encodeControlMessage takes the largest list of targets that a configuration may have", () => {
  const targets = Array.from({ length: 128 }, () => ({
    host: "h".repeat(253),
    ports: Array.from({ length: 16 }, () => 65_535),
  }));
  const line = encodeControlMessage({
    type: "targets",
    userCAFingerprints: Array.from({ length: 16 }, () => FINGERPRINT),
    targets,
  });
  assert.equal(parseAgentMessage(JSON.parse(line.toString()))?.type, "targets");
});

test("encodeControlMessage refuses what its reader would", () => {
  const replicas = Array.from({ length: 300 }, () => "r".repeat(253));
  assert.throws(() => encodeControlMessage({ type: "replicas", replicas }), WireError);
});
