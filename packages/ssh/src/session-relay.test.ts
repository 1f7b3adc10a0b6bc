import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buffer, text } from "node:stream/consumers";

import { SshWriter } from "@teleport-access/sshcert";

import { ChannelStream } from "./channel-stream.ts";
import { openSession } from "./client-session.ts";
import type { ClientSession, SessionOptions } from "./client-session.ts";
import type { SshPeer } from "./connection.ts";
import { createSession } from "./session.ts";
import type { SessionStart, SshSession } from "./session.ts";
import { relaySession } from "./session-relay.ts";
import type { SessionPlan, SessionRelay } from "./session-relay.ts";
import { arrived, channelPair } from "./testing/channel-pair.ts";
import type { ChannelPair } from "./testing/channel-pair.ts";

const PTY = {
  terminal: "xterm",
  columns: 80,
  rows: 24,
  widthPixels: 0,
  heightPixels: 0,
  modes: Buffer.of(0),
};

function nothing(): void {
  // This end has nothing to do.
}
const NOTHING = { data: nothing, eof: nothing, writable: nothing, closed: nothing, request: () => false };

interface Relayed {
  readonly person: ClientSession;
  /** The program at the far side. */
  readonly program: SshSession;
  readonly relay: SessionRelay;
  readonly nearPair: ChannelPair;
  readonly farPair: ChannelPair;
}

/** A person's session, relayed to a program's; `serve` says what the program's side grants. */
async function relayed(
  serve: (program: SshSession, far: ChannelPair) => void = () => undefined,
  { start = { kind: "exec", command: "id" }, ...options }: SessionOptions & { start?: SessionStart } = {},
): Promise<Relayed> {
  const [nearPair, farPair] = [channelPair(), channelPair()];
  const near = createSession(new ChannelStream(nearPair.far.channel));
  const program = createSession(new ChannelStream(farPair.far.channel));
  program.onStart(() => true);
  serve(program, farPair);
  let relay: SessionRelay | undefined;
  const environment: Record<string, string> = {};
  near.onPty(() => true);
  near.onEnvironment((name, value) => {
    environment[name] = value;
    return true;
  });
  near.onStart((asked) => (reply) => {
    const plan: SessionPlan = {
      ...{ agentForwarding: false, environment, start: asked },
      ...(options.pty === undefined ? {} : { pty: options.pty }),
    };
    relay = relaySession(near, new ChannelStream(farPair.near.channel), {
      ...{ plan, lost: () => "lost\n", startAnswered: reply, ptyAnswered: () => undefined },
    });
  });
  const peer = {
    openChannel: () => Promise.resolve(new ChannelStream(nearPair.near.channel)),
  } as unknown as SshPeer;
  const person = await openSession(peer, start, options);
  assert.ok(relay);
  return { person, program, relay, nearPair, farPair };
}

async function errorOutput(person: ClientSession): Promise<string> {
  return (await buffer(person.stderr.take(1))).toString();
}

describe("relaySession", () => {
  it("relaySession carries input, output and error output apart, and the exit status last", async () => {
    const { person, program, relay } = await relayed();
    person.channel.end("input");
    assert.equal(await text(program.channel), "input");
    const stderr = errorOutput(person);
    program.channel.write("output");
    program.stderr.write("error");
    program.exit(7);
    assert.deepEqual([await text(person.channel), await stderr], ["output", "error"]);
    assert.deepEqual(await person.exit, { status: 7 });
    await relay.closed;
    assert.deepEqual([relay.bytesIn(), relay.bytesOut(), relay.endedBy()], [5, 11, "second"]);
  });
  it("relaySession asks for what the person asked for, in order, and passes sizes and signals on", async () => {
    const seen: unknown[] = [];
    const { person } = await relayed(
      (program) => {
        program.onEnvironment((name, value) => seen.push([name, value]) > 0);
        program.onPty(({ columns }) => seen.push(["pty", columns]) > 0);
        program.onWindowChange(({ columns }) => seen.push(["size", columns]));
        program.onSignal((name) => seen.push(["signal", name]));
        program.onStart((start) => seen.push(start) > 0);
      },
      { pty: PTY, environment: { LANG: "C" }, start: { kind: "shell" } },
    );
    person.resize({ ...PTY, columns: 99 });
    person.signal("INT");
    await arrived();
    await arrived();
    assert.deepEqual(seen, [["LANG", "C"], ["pty", 80], { kind: "shell" }, ["size", 99], ["signal", "INT"]]);
  });
  it("relaySession gives the far side's refusal to start as the answer", async () => {
    await assert.rejects(
      relayed((program) => {
        program.onStart(() => false);
      }),
      { code: "SSH_REQUEST_REFUSED" },
    );
  });
  it("relaySession tells how it exited to a client that has closed already", async () => {
    const { relay, nearPair, farPair } = await relayed();
    // As sshd does: it answers CLOSE when the program has ended.
    farPair.far.channel.consume({ ...NOTHING, answersClose: true });
    const heard: string[] = [];
    nearPair.near.channel.consume({ ...NOTHING, hearsOut: true, request: (name) => heard.push(name) > 0 });
    // As OpenSSH does when both ends of data have come before the status.
    nearPair.near.channel.sendClose();
    await arrived();
    assert.ok(farPair.near.sent.includes(97) && !nearPair.far.sent.includes(97));
    farPair.far.channel.sendRequest("exit-status", new SshWriter().u32(3).done());
    farPair.far.channel.sendClose();
    await relay.closed;
    await arrived();
    assert.deepEqual([heard, relay.endedBy()], [["exit-status"], "first"]);
    assert.ok(nearPair.far.released && farPair.near.released);
  });
  it("relaySession keeps output, error output and status in order for a client that is slow to read", async () => {
    const { person, program, nearPair } = await relayed();
    nearPair.far.blocked = true;
    program.channel.write("one");
    program.stderr.write("two");
    program.exit(1);
    await arrived();
    await arrived();
    assert.ok(!nearPair.far.sent.includes(97), "closed before what came first");
    nearPair.far.unblock();
    const stderr = errorOutput(person);
    assert.deepEqual([await text(person.channel), await stderr], ["one", "two"]);
    assert.deepEqual(await person.exit, { status: 1 });
  });
  it("relaySession takes no requests from the far side but those of an end", async () => {
    const { person, farPair } = await relayed();
    const answers: boolean[] = [];
    for (const name of ["exec", "x11-req", "auth-agent-req@openssh.com", "keepalive@openssh.com"]) {
      farPair.far.channel.sendRequest(name, new SshWriter().string("x").done(), (ok) => answers.push(ok));
    }
    await arrived();
    assert.deepEqual(answers, [false, false, false, false]);
    person.channel.destroy();
  });
  it("relaySession cut() leaves a last word and closes both sides at once", async () => {
    const { person, program, relay, nearPair, farPair } = await relayed();
    const stderr = errorOutput(person);
    relay.cut("access ended\n");
    assert.ok(nearPair.far.sent.includes(97) && farPair.near.sent.includes(97));
    assert.equal(await stderr, "access ended\n");
    program.channel.resume();
    await relay.closed;
  });
  it("relaySession says that the far side's connection was lost", async () => {
    const { person, relay, farPair } = await relayed();
    const stderr = errorOutput(person);
    farPair.near.channel.cut();
    assert.equal(await stderr, "lost\n");
    await relay.closed;
    assert.equal(relay.endedBy(), "second");
  });
  it("relaySession says so behind all that the far side had said, however slowly that is read", async () => {
    const { person, program, relay, farPair } = await relayed();
    const size = 3 * 1024 * 1024;
    program.channel.write(Buffer.alloc(size));
    while (relay.bytesOut() < size) await new Promise(setImmediate);
    const adjusted = farPair.near.sent.length;
    farPair.near.channel.cut();
    const stderr = errorOutput(person);
    assert.equal((await buffer(person.channel)).length, size);
    assert.equal(await stderr, "lost\n");
    await relay.closed;
    assert.equal(farPair.near.sent.length, adjusted, "nothing more is said to who is gone");
  });
  it("relaySession says so even when the far side is gone before it has started anything", async () => {
    const { person } = await relayed((program, far) => {
      program.onStart(() => () => {
        far.near.channel.cut();
      });
    });
    assert.equal(await errorOutput(person), "lost\n");
  });
  it("relaySession keeps an exit that no client can read from the person's", async () => {
    const { person, relay, nearPair, farPair } = await relayed();
    const asked = [
      ["exit-status", Buffer.alloc(3)],
      ["exit-status", Buffer.alloc(8)],
      ["exit-signal", new SshWriter().string("TERM").u8(0).done()],
      ["exit-signal", new SshWriter().u32(0xffff_ffff).done()],
      ["exit-signal", new SshWriter().string("TERM").u8(0).string("x").string("").string("more").done()],
    ] as const;
    const before = nearPair.far.sent.length;
    for (const [name, data] of asked) farPair.far.channel.sendRequest(name, data);
    assert.equal(nearPair.far.sent.length, before);
    farPair.far.channel.sendRequest("exit-status", new SshWriter().u32(7).done());
    farPair.far.channel.sendClose();
    person.channel.resume();
    assert.deepEqual(await person.exit, { status: 7 });
    await relay.closed;
  });
  it("relaySession ends the far side when the person's connection is gone", async () => {
    const { relay, nearPair, farPair } = await relayed();
    nearPair.far.channel.cut();
    await relay.closed;
    assert.ok(farPair.near.sent.includes(97));
  });
});
