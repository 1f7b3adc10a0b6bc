import assert from "node:assert/strict";
import { buffer, text } from "node:stream/consumers";
import { describe, it } from "node:test";

import { arrived, channelPair } from "./testing/channel-pair.ts";
import { ChannelStream, streamOf } from "./channel-stream.ts";
import { openSession } from "./client-session.ts";
import type { ClientSession, SessionOptions } from "./client-session.ts";
import type { SshPeer } from "./connection.ts";
import { answerAndExit, createSession, replyAndExit } from "./session.ts";
import type { SessionStart, SshSession } from "./session.ts";

/** A client's session opened against a server's, without a connection between them. */
async function sessions(
  serve: (session: SshSession) => void,
  start: SessionStart = { kind: "exec", command: "id" },
  options: SessionOptions = {},
): Promise<ClientSession> {
  const { near, far } = channelPair();
  serve(createSession(new ChannelStream(far.channel)));
  const peer = { openChannel: () => Promise.resolve(new ChannelStream(near.channel)) } as unknown as SshPeer;
  return await openSession(peer, start, options);
}
const pty = {
  terminal: "xterm",
  columns: 80,
  rows: 24,
  widthPixels: 0,
  heightPixels: 0,
  modes: Buffer.of(53, 0, 0, 0, 1, 0),
};

describe("sessions", () => {
  it("openSession runs a command: output, error output, status", async () => {
    const session = await sessions((server) => {
      server.onStart((start) => {
        assert.deepEqual(start, { kind: "exec", command: "id" });
        setImmediate(() => {
          server.channel.write("out");
          server.stderr.write("err");
          server.exit(3);
        });
        return true;
      });
    });
    const [out, err] = await Promise.all([text(session.channel), errorOutput(session)]);
    assert.deepEqual([out, err], ["out", "err"]);
    assert.deepEqual(await session.exit, { status: 3 });
  });
  it("openSession reports a death by signal, and an end without a word", async () => {
    const killed = await sessions((server) => {
      server.onStart(() => {
        setImmediate(() => {
          server.exitSignal("KILL", "out of memory");
        });
        return true;
      });
    });
    killed.channel.resume();
    assert.deepEqual(await killed.exit, { signal: "KILL" });
    const gone = await sessions((server) => {
      server.onStart(() => {
        setImmediate(() => server.channel.destroy());
        return true;
      });
    });
    gone.channel.resume();
    assert.deepEqual(await gone.exit, {});
  });
  it("openSession hears how it exited when that comes after both ends of data", async () => {
    const { near, far } = channelPair();
    // sshd says it when it has waited for the program; a stream that has ended both ways has closed by then.
    far.channel.consume({
      answersClose: true,
      data: () => undefined,
      eof: () => undefined,
      writable: () => undefined,
      request: () => true,
      closed: () => {
        far.channel.sendRequest("exit-status", Buffer.of(0, 0, 0, 7));
        far.channel.sendClose();
      },
    });
    const peer = { openChannel: () => Promise.resolve(new ChannelStream(near.channel)) };
    const session = await openSession(peer as unknown as SshPeer, { kind: "shell" }, {});
    session.channel.end();
    far.channel.sendEof();
    assert.equal(await text(session.channel), "");
    assert.deepEqual(await session.exit, { status: 7 });
  });
  it("openSession passes terminal, environment, agent forwarding, size and signals", async () => {
    const seen: unknown[] = [];
    const session = await sessions(
      (server) => {
        server.onPty((request) => seen.push(["pty", request]) > 0);
        server.onEnvironment((name, value) => seen.push(["env", name, value]) > 0);
        server.onAgentForwarding(() => seen.push(["agent"]) > 0);
        server.onWindowChange((size) => seen.push(["size", size.columns, size.rows]));
        server.onSignal((name) => seen.push(["signal", name]));
        server.onStart((start) => seen.push([start.kind]) > 0);
      },
      { kind: "shell" },
      { pty, environment: { LANG: "C.UTF-8" }, agentForwarding: true },
    );
    session.resize({ columns: 132, rows: 50, widthPixels: 0, heightPixels: 0 });
    session.signal("INT");
    await arrived();
    assert.deepEqual(seen, [
      ["agent"],
      ["env", "LANG", "C.UTF-8"],
      ["pty", pty],
      ["shell"],
      ["size", 132, 50],
      ["signal", "INT"],
    ]);
  });
  it("openSession fails when the start or the terminal is refused", async () => {
    await assert.rejects(
      sessions(() => undefined),
      { code: "SSH_REQUEST_REFUSED" },
    );
    const noPty = sessions(
      (server) => {
        server.onStart(() => true);
      },
      undefined,
      { pty },
    );
    await assert.rejects(noPty, /pty-req/);
    const noAgent = sessions(
      (server) => {
        server.onStart(() => true);
      },
      undefined,
      { agentForwarding: true },
    );
    await assert.rejects(noAgent, /auth-agent-req/);
  });
  it("a session starts once", async () => {
    let starts = 0;
    const session = await sessions((server) => {
      server.onStart(() => {
        starts += 1;
        return true;
      });
    });
    const again = new Promise((resolve) => {
      streamOf(session.channel).channel.sendRequest("shell", Buffer.alloc(0), resolve);
    });
    assert.equal(await again, false);
    assert.equal(starts, 1);
  });
  it("a session takes 64 variables and no more", async () => {
    const environment = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`V${i}`, "x"]));
    let taken = 0;
    await sessions(
      (server) => {
        server.onEnvironment(() => (taken += 1) > 0);
        server.onStart(() => true);
      },
      undefined,
      { environment },
    );
    assert.equal(taken, 64);
  });
  it("replyAndExit prints, with carriage returns on a terminal, and exits", async () => {
    for (const [options, want] of [
      [{}, "one\ntwo\n"],
      [{ pty }, "one\r\ntwo\r\n"],
    ] as const) {
      const session = await sessions(
        (server) => {
          replyAndExit(server, "one\ntwo\n", 1);
        },
        { kind: "shell" },
        options,
      );
      assert.equal(await text(session.channel), want);
      assert.deepEqual(await session.exit, { status: 1 });
    }
  });
  it("answerAndExit writes to where the answer belongs, and starts nothing without one", async () => {
    function serve(server: SshSession): void {
      answerAndExit(server, (start) =>
        start.kind === "subsystem" ? undefined : { stderr: `${start.kind}?\n`, status: 2 },
      );
    }
    const session = await sessions(serve, { kind: "exec", command: "x" });
    const [printed, complained] = await Promise.all([text(session.channel), errorOutput(session)]);
    assert.deepEqual([printed, complained], ["", "exec?\n"]);
    assert.deepEqual(await session.exit, { status: 2 });
    await assert.rejects(sessions(serve, { kind: "subsystem", name: "sftp" }), {
      code: "SSH_REQUEST_REFUSED",
    });
  });
});

async function errorOutput(session: ClientSession): Promise<string> {
  session.channel.once("end", () => {
    session.stderr.push(null);
  });
  return (await buffer(session.stderr)).toString();
}
