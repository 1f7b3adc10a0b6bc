/**
 * The forward form with stock OpenSSH at both ends: `ssh -A login@host.cluster@proxy`. What works directly works
 * through the proxy, which is the SSH server here and the SSH client at the target.
 */
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AGENT_KEEPALIVE } from "@teleport-access/ssh";
import { openSshMatrix } from "@teleport-access/testkit";
import { connectPerson } from "./forward-person.ts";
import { startForwardWorld } from "./forward-world.ts";
import type { ForwardWorld } from "./forward-world.ts";
import { localOpenSsh } from "./proxy-world.ts";

const { installed } = openSshMatrix();
const MEGABYTES = 8_000_000;
const { lookEveryMs, idleLooks, answerLooks } = AGENT_KEEPALIVE;
/** A tunnel would have been given up by then: a look that hears, looks that wait, ask and wait again, and the one that cuts. */
const STILL_MS = lookEveryMs * (1 + idleLooks[1] + answerLooks + 1) + 500;

for (const openSsh of installed) {
  describe(`ssh -A through the proxy with ${openSsh.version}`, { concurrency: false }, () => {
    let forward: ForwardWorld;
    before(async () => {
      forward = await startForwardWorld(openSsh);
    });
    after(async () => {
      await forward.close();
    });

    it("runs a command: output, error output and exit status stay apart", async () => {
      const { status, stdout, stderr } = await forward.ssh(["echo out; echo err >&2; exit 7"]);
      assert.deepEqual([status, stdout.toString(), stderr], [7, "out\n", "err\n"]);
      const login = await forward.world.audited({ event: "target.login", outcome: "allowed" });
      assert.deepEqual([login.user, login.target], ["alice", "web-1.prod"]);
      await forward.world.audited({ event: "channel.open", outcome: "allowed", target: "web-1.prod" });
      await forward.world.audited({ event: "session.end", target: "web-1.prod", outcome: "info" });
    });
    it("reads the target with % and with a port, and keeps exit statuses", async () => {
      const { login } = forward.world;
      for (const [wish, status] of [
        [`${login}%web-1.prod`, 0],
        [`${login}@WEB-1.prod:22`, 254],
      ] as const) {
        const ran = await forward.ssh([`exit ${status}`], { wish });
        assert.equal(ran.status, status, ran.stderr);
      }
    });
    it("tells of a death by signal as ssh does", async () => {
      const { status, stderr } = await forward.ssh(["kill -TERM $$"], { args: ["-v"] });
      assert.equal(status, 255);
      assert.match(stderr, /exit-signal/);
    });
    it("gives a shell on a terminal of the right size", async () => {
      const { stdout, status } = await forward.ssh([], {
        args: ["-tt"],
        input: "stty size; tty; exit 3\n",
        env: { TERM: "xterm-256color" },
      });
      assert.equal(status, 3);
      assert.match(stdout.toString(), /\/dev\/pts\//);
    });
    it("gives a shell without a terminal", async () => {
      const { stdout, status } = await forward.ssh([], { args: ["-T"], input: "echo $((6 * 7))\nexit 4\n" });
      assert.deepEqual([stdout.toString(), status], ["42\n", 4]);
    });
    it("relays the end of input and goes on with the output", async () => {
      const input = Buffer.alloc(MEGABYTES, "x");
      const { stdout, status } = await forward.ssh(["cat; echo done; sleep 0.1; echo later"], { input });
      assert.equal(status, 0);
      assert.equal(stdout.length, MEGABYTES + "done\nlater\n".length);
    });
    it("carries much output and much error output at once", async () => {
      const { stdout, stderr } = await forward.ssh([
        `head -c ${MEGABYTES} /dev/zero & head -c ${MEGABYTES} /dev/zero | tr '\\0' x >&2; wait`,
      ]);
      assert.deepEqual([stdout.length, stderr.length], [MEGABYTES, MEGABYTES]);
    });
    it("says how to come when no agent is forwarded", async () => {
      const { status, stderr } = await forward.ssh(["true"], { agent: false });
      assert.equal(status, 255);
      assert.match(stderr, /^teleport-access: Logging in to web-1\.prod takes your SSH agent: add -A .*\n$/);
      await forward.world.audited({
        event: "channel.open",
        outcome: "denied",
        reason: "agent-not-forwarded",
      });
    });
    it("says how a target is written", async () => {
      const { status, stderr } = await forward.ssh(["true"], { wish: "deploy@web-1" });
      assert.deepEqual(
        [status, stderr],
        [255, "A target is written login@host.cluster, or login@host.cluster:port.\n"],
      );
    });
  });
}

describe("a target that stands still", { timeout: 60_000 }, () => {
  let forward: ForwardWorld;
  before(async () => {
    forward = await startForwardWorld(localOpenSsh());
  });
  after(async () => {
    await forward.close();
  });

  it("goes on with its sessions when it goes on, as inside a jump", async () => {
    const { connection } = await connectPerson(forward);
    const session = await connection.session(
      { kind: "exec", command: "echo $PPID; exec cat" },
      { agentForwarding: true },
    );
    const said = await new Promise<Buffer>((resolve) => session.channel.once("data", resolve));
    const sshd = Number(said.toString());
    process.kill(sshd, "SIGSTOP");
    try {
      session.channel.end("still here\n");
      // How long it takes is what this is about.
      await sleep(STILL_MS);
    } finally {
      process.kill(sshd, "SIGCONT");
    }
    assert.equal(await text(session.channel), "still here\n");
    assert.deepEqual(await session.exit, { status: 0 });
    connection.end();
  });
});
