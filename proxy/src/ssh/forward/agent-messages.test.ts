import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAX_AGENT_MESSAGE_BYTES } from "@teleport-access/ssh";
import { SshWriter } from "@teleport-access/sshcert";
import fc from "fast-check";
import { AGENT_FAILURE, AgentFrames, reachesAgent } from "./agent-messages.ts";

function framed(message: Uint8Array): Buffer {
  return new SshWriter().string(Buffer.from(message)).done();
}

function extension(name: string): Buffer {
  return framed(new SshWriter().u8(27).string(name).string("rest").done());
}

/** All that can be read of these chunks, and what stopped it. */
function read(chunks: readonly Buffer[]): { readonly messages: Buffer[]; readonly end: string } {
  const [frames, messages] = [new AgentFrames(), [] as Buffer[]];
  for (const chunk of chunks) {
    frames.push(chunk);
    for (let next = frames.next(); next !== "more"; next = frames.next()) {
      if (next === "malformed") return { messages, end: next };
      messages.push(next);
    }
  }
  return { messages, end: `${frames.length} left` };
}

/** The bytes, cut into pieces of these sizes again and again. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunks.at(-1)?.length ?? 1) {
    chunks.push(bytes.subarray(at, at + (sizes[chunks.length % sizes.length] ?? 1)));
  }
  return chunks;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

describe("reachesAgent", () => {
  it("lets through list, sign and session-bind@openssh.com, of all types there are", () => {
    const passed = Array.from({ length: 256 }, (_, type) => type).filter((type) =>
      reachesAgent(framed(new SshWriter().u8(type).string("session-bind@openssh.com").done())),
    );
    assert.deepEqual(passed, [11, 13, 27]);
  });
  it("lets no other extension through, however near its name is", () => {
    assert.equal(reachesAgent(extension("session-bind@openssh.com")), true);
    for (const name of ["", "query", "session-bind@openssh.co", "session-bind@openssh.com\0", "SESSION-BIND"])
      assert.equal(reachesAgent(extension(name)), false, name);
    assert.equal(reachesAgent(framed(Buffer.of(27))), false);
    assert.equal(reachesAgent(framed(Buffer.from("\x1bsession-bind@openssh.com"))), false);
  });
  it("looks at the type, whatever follows it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (message) => {
        const type = message[0] ?? 0;
        // Nothing random spells the one extension that passes.
        assert.equal(reachesAgent(framed(message)), type === 11 || type === 13);
      }),
    );
  });
});

describe("AgentFrames", () => {
  it("gives each message as it was, however the bytes are cut", () => {
    const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 90 }), { maxLength: 30 });
    fc.assert(
      fc.property(messages, sizes, (all, pieces) => {
        const sent = all.map(framed);
        assert.deepEqual(read(cut(Buffer.concat(sent), pieces)), { messages: sent, end: "0 left" });
      }),
    );
  });
  it("reads or refuses any bytes, the same however they are cut", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.constantFrom(0, 0, 0, 1, 5, 4, 255), { maxLength: 200 })
        .map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(anything, sizes, (bytes, pieces) => {
        const whole = Buffer.from(bytes);
        const once = read([whole]);
        assert.deepEqual(read(cut(whole, pieces)), once);
        const taken = Buffer.concat(once.messages);
        assert.ok(whole.subarray(0, taken.length).equals(taken));
      }),
    );
  });
  it("takes the longest message of ssh-agent and no longer one, and none without a type", () => {
    const longest = framed(Buffer.alloc(MAX_AGENT_MESSAGE_BYTES, 13));
    assert.deepEqual(read(cut(longest, [32_768])), { messages: [longest], end: "0 left" });
    const head = Buffer.alloc(4);
    for (const size of [0, MAX_AGENT_MESSAGE_BYTES + 1, 0xffff_ffff]) {
      head.writeUInt32BE(size);
      assert.deepEqual(read([head]), { messages: [], end: "malformed" }, `${size}`);
    }
  });
  it("does not see what happens to a chunk or a message afterwards", () => {
    const frames = new AgentFrames();
    const chunk = Buffer.concat([AGENT_FAILURE, AGENT_FAILURE.subarray(0, 2)]);
    frames.push(chunk);
    chunk.fill(0xff);
    const first = frames.next();
    frames.push(AGENT_FAILURE.subarray(2));
    assert.deepEqual([first, frames.next(), frames.next()], [AGENT_FAILURE, AGENT_FAILURE, "more"]);
  });
});
