/** Files, agents, ports, multiplexing and everything else that a stock client may ask of the forward form. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { freePort, openSshMatrix, runProgram, until } from "@teleport-access/testkit";
import { connectPerson } from "./forward-person.ts";
import { startForwardWorld } from "./forward-world.ts";
import type { ForwardWorld } from "./forward-world.ts";

const { installed } = openSshMatrix();
const FILE_BYTES = 3_000_000;
const PTY = {
  terminal: "xterm",
  columns: 101,
  rows: 33,
  widthPixels: 0,
  heightPixels: 0,
  modes: Buffer.of(0),
};

for (const openSsh of installed) {
  describe(`the forward form and ${openSsh.version}`, { concurrency: false, timeout: 120_000 }, () => {
    let forward: ForwardWorld;
    let greeter: Server;
    let greeterPort: number;
    before(async () => {
      forward = await startForwardWorld(openSsh);
      greeter = createServer((socket) => {
        socket.end("greetings");
      });
      await new Promise<void>((resolve) => greeter.listen(0, "127.0.0.1", resolve));
      greeterPort = (greeter.address() as AddressInfo).port;
    });
    after(async () => {
      greeter.close();
      await forward.close();
    });

    function file(name: string, content: Buffer): string {
      return forward.world.folder.write(name, content);
    }

    for (const [name, option] of [
      ["sftp inside scp", "-s"],
      ["the old scp protocol", "-O"],
    ] as const) {
      it(`copies files both ways with ${name}`, async () => {
        const content = randomBytes(FILE_BYTES);
        const [there, back] = [forward.world.folder.file("scp-there"), forward.world.folder.file("scp-back")];
        for (const [from, to] of [
          [file("scp-here", content), `${forward.to()}:${there}`],
          [`${forward.to()}:${there}`, back],
        ] as const) {
          const { status, stderr } = await forward.run("scp", [option, "-p", "-q", from, to]);
          assert.equal(status, 0, stderr);
        }
        assert.ok(readFileSync(back).equals(content));
      });
    }
    it("copies files both ways with sftp", async () => {
      const content = randomBytes(FILE_BYTES);
      const [there, back] = [forward.world.folder.file("sftp-there"), forward.world.folder.file("sftp-back")];
      const batch = `put ${file("sftp-here", content)} ${there}\nget ${there} ${back}\nls ${there}\n`;
      const { status, stderr } = await forward.run("sftp", ["-q", "-b", "-", forward.to()], { input: batch });
      assert.equal(status, 0, stderr);
      assert.ok(readFileSync(back).equals(content));
      await forward.world.audited({ event: "channel.open", outcome: "allowed" });
    });
    it("starts other subsystems, and says so when the target has none of the name", async () => {
      const greeted = await forward.ssh(["greet"], { args: ["-s"] });
      assert.deepEqual([greeted.stdout.toString(), greeted.status], ["hello\n", 0]);
      const { status, stderr } = await forward.ssh(["nothing"], { args: ["-s"] });
      assert.equal(status, 255);
      assert.match(stderr, /subsystem request failed/);
    });
    it("streams through tar both ways at once", async () => {
      const content = randomBytes(FILE_BYTES);
      const { stdout, status } = await forward.ssh(["cat | tr a b | tr b a"], { input: content.fill("x") });
      assert.equal(status, 0);
      assert.equal(stdout.length, FILE_BYTES);
    });
    it("passes the locale on and nothing else", async () => {
      const args = ["-o", "SetEnv=LC_TELEPORT=yes BASH_ENV=/tmp/evil"];
      const { stdout } = await forward.ssh(["echo $LC_TELEPORT-$BASH_ENV"], { args });
      // sshd's own AcceptEnv is empty here: what it would take is tried in target-client.test.ts.
      assert.equal(stdout.toString(), "-\n");
    });
    it("resizes the terminal, and carries signals there and back", async () => {
      const { connection } = await connectPerson(forward);
      const resized = await connection.session(
        { kind: "exec", command: "stty size; read x; stty size" },
        { pty: PTY, agentForwarding: true },
      );
      await new Promise((resolve) => resized.channel.once("data", resolve));
      resized.resize({ ...PTY, columns: 77, rows: 22 });
      resized.channel.write("go\n");
      assert.match(await text(resized.channel), /22 77/);
      const trapped = 'trap "echo caught" USR1; echo up; while read x; do echo $x; done; kill -INT $$';
      const killed = await connection.session({ kind: "exec", command: trapped });
      await new Promise((resolve) => killed.channel.once("data", resolve));
      killed.signal("USR1");
      killed.channel.end("after\n");
      const output = await text(killed.channel);
      // sshd of root's sessions does not pass signals on before 9.8; it says so, in a log that comes by another pipe.
      if (!output.includes("caught"))
        await until("a refusal", () => forward.world.sshd.log().includes("session_signal_req"), {
          deadlineMs: 10_000,
        });
      assert.match(output, /after/);
      assert.deepEqual(await killed.exit, { signal: "INT" });
      connection.end();
    });
    it("forwards the agent onward, a question at a time", async () => {
      const { stdout, status } = await forward.ssh([`SSH_ASKPASS=/bin/false ssh-add -l`]);
      assert.equal(status, 0);
      assert.match(stdout.toString(), /alice \(ED25519-CERT\)/);
    });
    it("logs in onward with the agent, which is told for which connection", async () => {
      const { port } = forward.world.sshd;
      const onward = [
        openSsh.program("ssh"),
        ...["-v", "-F", "none", "-o", "BatchMode=yes", "-p", String(port)],
        ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
        ...[`${forward.world.login}@127.0.0.1`, "echo onward"],
      ];
      const { stdout, stderr, status } = await forward.ssh([onward.join(" ")]);
      assert.deepEqual([status, stdout.toString()], [0, "onward\n"], stderr);
      assert.match(stderr, /bound agent to hostkey/);
    });
    it("lets no program at the target add, remove or lock anything in the agent", async () => {
      const asked = [20, 26, 17, 25, 19, 18, 21, 22, 11];
      const command = `${process.execPath} -e '${askRaw(asked)}'; ${openSsh.program("ssh-add")} -D`;
      const { stdout, stderr } = await forward.ssh([command]);
      assert.equal(stdout.toString(), `${[...asked.slice(1).map(() => 5), 12].join(" ")}\n`, stderr);
      assert.match(stderr, /Failed to remove all identities/);
      const reason = "agent-message-refused";
      await forward.world.audited({ event: "channel.request", outcome: "denied", reason });
      const held = await runProgram(openSsh.program("ssh-add"), ["-l"], {
        env: { SSH_AUTH_SOCK: forward.agent.socket },
      });
      assert.match(held.stdout.toString(), /alice \(ED25519-CERT\)/);
    });
    it("lets the agent go as soon as it has signed", async () => {
      const { connection, agentChannels } = await connectPerson(forward);
      const session = await connection.session({ kind: "exec", command: "cat" }, { agentForwarding: true });
      session.channel.write("x");
      await new Promise((resolve) => session.channel.once("data", resolve));
      assert.deepEqual(agentChannels, { opened: 1, open: 0 });
      connection.end();
    });
    it("forwards local ports with -L, through the target", async () => {
      const port = await freePort();
      const held = forward.hold(["-N"], { args: ["-L", `${port}:127.0.0.1:${greeterPort}`] });
      assert.equal(await text(await dialled(port)), "greetings");
      await held.stop();
      await forward.world.audited({ event: "session.end", outcome: "info", reason: "target-closed" });
    });
    it("forwards local ports with -L to Unix sockets of the target", async () => {
      const path = forward.world.folder.file("greeter.sock");
      const atSocket = createServer((socket) => {
        socket.end("greetings from a socket");
      });
      await new Promise<void>((resolve) => atSocket.listen(path, resolve));
      const port = await freePort();
      forward.world.audit.length = 0;
      const held = forward.hold(["-N"], { args: ["-L", `${port}:${path}`] });
      assert.equal(await text(await dialled(port)), "greetings from a socket");
      await held.stop();
      atSocket.close();
      const opened = await forward.world.audited({ event: "channel.open", outcome: "allowed" });
      assert.equal(opened.detail?.["request"], "direct-streamlocal@openssh.com");
      const { session } = opened;
      const ended = await forward.world.audited({ event: "session.end", ...(session && { session }) });
      assert.equal(ended.bytesOut, "greetings from a socket".length);
    });
    it("forwards dynamically with -D, and tells what cannot be reached", async () => {
      const [port, closed] = [await freePort(), await freePort()];
      const held = forward.hold(["cat"], { args: ["-D", `${port}`] });
      for (const [asked, answer] of [
        [greeterPort, 0],
        [closed, 5],
      ] as const) {
        assert.equal(await socks(port, asked), answer === 0 ? "0 greetings" : "refused");
      }
      await held.stop();
    });
    it("carries several sessions over one connection and one login", async () => {
      const control = forward.world.folder.file("control");
      forward.world.audit.length = 0;
      const master = forward.hold(["cat"], { args: ["-M", "-S", control] });
      await until("a master", async () => (await through("check")).status === 0, { deadlineMs: 10_000 });
      async function through(what: string): Promise<{ status: number | null }> {
        return await forward.ssh([], { args: ["-S", control, "-O", what] });
      }
      const all = await Promise.all(
        [1, 2, 3, 4].map((n) =>
          forward.ssh([`echo ${n}; exit ${n}`], { args: ["-S", control], agent: false }),
        ),
      );
      assert.deepEqual(
        all.map(({ status, stdout }) => [status, stdout.toString()]),
        [1, 2, 3, 4].map((n) => [n, `${n}\n`]),
      );
      await master.stop();
      assert.equal(forward.world.audit.filter(({ event }) => event === "target.login").length, 1);
    });
    it("goes on while either side exchanges keys anew", async () => {
      const input = Buffer.alloc(6_000_000, "y");
      const { stdout, status, stderr } = await forward.ssh(["cat"], { input, args: ["-o", "RekeyLimit=1M"] });
      assert.equal(status, 0, stderr);
      assert.ok(stdout.equals(input));
    });
  });
}

/** A program that puts messages of these types to its agent, all at once, and prints the types of the answers. */
function askRaw(types: readonly number[]): string {
  const questions = types.map((type) => [0, 0, 0, 1, type]).flat();
  return `
    const socket = require("node:net").connect(process.env.SSH_AUTH_SOCK);
    const chunks = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("close", () => {
      const bytes = Buffer.concat(chunks);
      const types = [];
      for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) types.push(bytes[at + 4]);
      console.log(types.join(" "));
    });
    socket.end(Buffer.from([${questions.join()}]));`;
}

/** A connection to a local port, once somebody listens there. */
function dialled(port: number): Promise<Socket> {
  return until(
    `port ${port}`,
    () =>
      new Promise<Socket | undefined>((resolve) => {
        const tried = connect(port, "127.0.0.1");
        tried.once("connect", () => {
          resolve(tried);
        });
        tried.once("error", () => {
          resolve(undefined);
        });
      }),
    { deadlineMs: 10_000, everyMs: 20 },
  );
}

/** One SOCKS5 question: the answer's code and what came. */
async function socks(port: number, target: number): Promise<string> {
  const socket = await dialled(port);
  const received: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  socket.write(Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, target >> 8, target & 0xff]));
  await new Promise((resolve) => socket.once("close", resolve));
  const answer = Buffer.concat(received);
  return answer.length > 12 ? `${answer[3] ?? "?"} ${answer.subarray(12).toString()}` : "refused";
}
