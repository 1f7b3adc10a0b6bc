/** What the forward form refuses to stock clients: each with a line for the person and an audit reason of its own. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, beforeEach, before, describe, it } from "node:test";
import { DIRECT_STREAMLOCAL, encodeDirectStreamlocal } from "@teleport-access/ssh";
import type { Certificate } from "@teleport-access/sshcert";
import { freePort, openSshMatrix, until } from "@teleport-access/testkit";
import { connectPerson } from "./forward-person.ts";
import { TARGETS } from "./forward-targets.ts";
import { ALL_EXTENSIONS, ALL_PERMISSIONS, startForwardWorld } from "./forward-world.ts";
import type { ForwardOptions, ForwardWorld } from "./forward-world.ts";

const { installed } = openSshMatrix();

interface Refused {
  readonly name: string;
  /** What the grant permits. */
  readonly permissions: readonly string[];
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly says: RegExp;
}

function without(...left: readonly string[]): readonly string[] {
  return ALL_PERMISSIONS.filter((permission) => !left.includes(permission));
}

const BY_PERMISSION: readonly Refused[] = [
  { name: "a shell without Shell", permissions: without("Shell"), args: ["-T"], says: /denied: a shell on / },
  {
    name: "a command without Exec",
    permissions: without("Exec"),
    command: ["id"],
    says: /denied: a command on /,
  },
  {
    name: "sftp without FileTransfer",
    permissions: without("FileTransfer"),
    ...{ command: ["sftp"], args: ["-s"] },
    says: /denied: a file transfer on /,
  },
  ...["scp -t /tmp/x", "scp -f /etc/passwd", "/usr/lib/openssh/sftp-server", "rsync --server . /tmp"].map(
    (command) => ({
      name: `"${command}" without FileTransfer`,
      permissions: without("FileTransfer"),
      command: [command],
      says: /access denied: a (file transfer|command) on /,
    }),
  ),
  ...["scp -t /tmp/x; id", "scp -t $(id)", "rsync --server . /tmp", "id"].map((command) => ({
    name: `"${command}" with FileTransfer alone`,
    permissions: ["FileTransfer"],
    command: [command],
    says: /access denied: a command on /,
  })),
];

const BY_TARGET: readonly { readonly host: string; readonly reason: string; readonly says: RegExp }[] = [
  {
    host: TARGETS.misnamed,
    reason: "target-host-not-trusted",
    says: /does not prove that it is misnamed-1\.prod/,
  },
  {
    host: TARGETS.stranger,
    reason: "target-host-not-trusted",
    says: /does not prove that it is stranger-1\.prod/,
  },
  { host: TARGETS.locked, reason: "target-login-refused", says: /locked-1\.prod does not let \w+ in/ },
  { host: TARGETS.closed, reason: "target-unreachable", says: /cannot reach the target/ },
  { host: TARGETS.babbling, reason: "target-protocol-error", says: /does not answer as an SSH server/ },
  { host: "nowhere-1", reason: "target-not-listed", says: /nowhere-1\.prod: access denied/ },
];

for (const openSsh of installed) {
  describe(`the forward form refuses ${openSsh.version}`, { concurrency: false, timeout: 120_000 }, () => {
    let forward: ForwardWorld;
    before(async () => {
      forward = await startForwardWorld(openSsh);
    });
    after(async () => {
      await forward.close();
    });
    beforeEach(() => {
      forward.grant();
      forward.world.audit.length = 0;
    });

    function certified(
      extensions: readonly string[],
      criticalOptions: Readonly<Record<string, string>> = {},
    ): string {
      return write(forward.world.certificate({ extensions, criticalOptions }));
    }
    function write(certificate: Certificate): string {
      forward.world.client("other", certificate);
      return forward.world.folder.file("other");
    }
    async function refused(
      reason: string,
      says: RegExp,
      command: readonly string[],
      options: ForwardOptions = {},
    ): Promise<void> {
      const { status, stdout, stderr } = await forward.ssh(command, options);
      assert.equal(status, 255, `${stdout.toString()}${stderr}`);
      assert.equal(stdout.toString(), "");
      assert.match(stderr, says);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
      await forward.world.audited({ outcome: "denied", reason });
    }

    for (const { name, permissions, command = [], args = [], says } of BY_PERMISSION) {
      it(name, async () => {
        forward.grant({ permissions });
        await refused("permission-not-granted", says, command, { args });
      });
    }
    for (const { host, reason, says } of BY_TARGET) {
      it(`${host}: ${reason}`, async () => {
        await refused(reason, says, ["id"], { wish: `${forward.world.login}@${host}.prod` });
      });
    }
    it("a login that is not granted, and a cluster that is not trusted, in one text", async () => {
      await refused("login-not-granted", /access denied: a command on/, ["id"], {
        wish: "nobody@web-1.prod",
      });
      const wish = `${forward.world.login}@web-1.dev`;
      await refused("cluster-not-trusted", /access denied: a command on/, ["id"], { wish });
    });
    it("a terminal that the certificate does not permit", async () => {
      const key = certified(["permit-agent-forwarding"]);
      const { stderr, status } = await forward.ssh(["echo on"], { args: ["-tt"], key });
      // As with a server that refuses it: ssh -tt does not go on without.
      assert.equal(status, 255);
      assert.match(stderr, /PTY allocation request failed/);
      const reason = "certificate-without-extension";
      await forward.world.audited({ event: "channel.request", outcome: "denied", reason });
    });
    it("everything but the forced command of a certificate", async () => {
      const key = certified(ALL_EXTENSIONS, { "force-command": "echo forced" });
      for (const command of [["id"], []]) {
        const { stdout, status, stderr } = await forward.ssh(command, { key, args: ["-T"] });
        assert.deepEqual([status, stdout.toString()], [0, "forced\n"], stderr);
      }
    });
    it("onward agents without AgentForwarding, and without the certificate's leave", async () => {
      forward.grant({ permissions: without("AgentForwarding") });
      assert.equal((await forward.ssh(["echo ${SSH_AUTH_SOCK:-none}"])).stdout.toString(), "none\n");
      forward.grant({});
      const key = certified(["permit-pty"]);
      assert.equal((await forward.ssh(["echo ${SSH_AUTH_SOCK:-none}"], { key })).stdout.toString(), "none\n");
    });
    it("-L without PortForwarding, and without the certificate's leave", async () => {
      for (const [permissions, extensions, reason] of [
        [without("PortForwarding"), ALL_EXTENSIONS, "permission-not-granted"],
        [ALL_PERMISSIONS, ["permit-pty"], "certificate-without-extension"],
      ] as const) {
        forward.grant({ permissions });
        const args = ["-W", "127.0.0.1:1"];
        const { status, stderr } = await forward.ssh([], { args, key: certified(extensions) });
        assert.equal(status, 255);
        assert.match(stderr, /access denied: port forwarding on /);
        await forward.world.audited({ event: "channel.open", outcome: "denied", reason });
      }
    });
    it("Unix sockets without PortForwarding, without the target's leave, and where none can be", async () => {
      async function refusal(path: string, wish = `${forward.world.login}@web-1.prod`): Promise<string> {
        const { connection } = await connectPerson(forward, { wish });
        const opened = connection.openChannel(DIRECT_STREAMLOCAL, encodeDirectStreamlocal(path));
        const said = await opened.then(
          () => "opened",
          (error: unknown) => String(error),
        );
        connection.end();
        return said;
      }
      for (const [said, reason] of [
        [await refusal(`/${"x".repeat(107)}`), "channel-malformed"],
        [await refusal("/run/there-is-none"), "target-refused"],
        [await refusal("/run/x", `${forward.world.login}@example.org`), "channel-type-not-offered"],
      ] as const) {
        assert.match(said, /ChannelRefusedError/);
        await forward.world.audited({ event: "channel.open", outcome: "denied", reason });
      }
      forward.grant({ permissions: without("PortForwarding") });
      assert.match(await refusal("/run/x"), /access denied: port forwarding on /);
      const denied = await forward.world.audited({ outcome: "denied", reason: "permission-not-granted" });
      assert.equal(denied.detail?.["request"], DIRECT_STREAMLOCAL);
    });
    it("-R and X11, with a line each, and goes on without", async () => {
      const port = await freePort();
      const { stdout, stderr, status } = await forward.ssh(["echo on"], {
        args: ["-R", `${port}:127.0.0.1:1`, "-Y"],
        env: { DISPLAY: "127.0.0.1:9" },
      });
      assert.deepEqual([status, stdout.toString()], [0, "on\n"]);
      assert.match(stderr, /teleport-access: Remote forwarding \(-R\) is not offered here/);
      assert.match(stderr, /teleport-access: X11 forwarding is not offered here/);
      for (const reason of ["remote-forwarding-not-offered", "x11-not-offered"]) {
        await forward.world.audited({ event: "channel.request", outcome: "denied", reason });
      }
    });
    it("what the target itself refuses, in its place", async () => {
      const wish = `${forward.world.login}@${TARGETS.strict}.prod`;
      const { stdout, stderr } = await forward.ssh(["tty"], { wish, args: ["-tt"] });
      assert.match(stdout.toString(), /not a tty/);
      assert.match(stderr, /strict-1\.prod gives no terminal/);
      const tunnelled = await forward.ssh([], { wish, args: ["-W", "127.0.0.1:1"] });
      assert.match(tunnelled.stderr, /strict-1\.prod refused it/);
      await forward.world.audited({ event: "channel.open", outcome: "denied", reason: "target-refused" });
    });
    it("without FileTransfer nothing, with it alone files both ways", async () => {
      forward.grant({ permissions: ["FileTransfer"] });
      const here = forward.world.folder.write("alone", "content");
      const there = forward.world.folder.file("alone-there");
      for (const option of ["-O", "-s"]) {
        const copied = await forward.run("scp", [option, "-q", here, `${forward.to()}:${there}`]);
        assert.equal(copied.status, 0, copied.stderr);
      }
    });
    it("a person whose grant is gone, at once and within 100 ms of live sessions", async () => {
      const { connection } = await connectPerson(forward);
      const session = await connection.session(
        { kind: "exec", command: "while echo tick; do sleep 0.01; done" },
        { agentForwarding: true },
      );
      let last = 0;
      session.channel.on("data", () => {
        last = performance.now();
      });
      await until("output", () => last > 0, { deadlineMs: 10_000, everyMs: 5 });
      const started = performance.now();
      forward.world.remove("UserAccess", "alice-prod");
      await session.exit;
      assert.ok(
        performance.now() - started < 100 && last - started < 100,
        `${performance.now() - started} ms`,
      );
      const target = "web-1.prod";
      await forward.world.audited({ event: "session.end", outcome: "denied", reason: "no-grant", target });
    });
    it("a login that is taken away while others stay, with everything at the target", async () => {
      const held = forward.hold(["cat"]);
      held.child.stdin?.write("here\n");
      await held.waitFor(/here/, 10_000);
      forward.grant({ logins: ["somebody-else"] });
      await held.exited;
      assert.match(held.stderr(), /teleport-access: access ended/);
      await forward.world.audited({ event: "session.end", outcome: "denied", reason: "login-not-granted" });
    });
    it("exactly what a narrower grant no longer covers, at once", async () => {
      const port = await freePort();
      const held = forward.hold(["cat"], { args: ["-L", `${port}:127.0.0.1:${forward.world.sshd.port}`] });
      const through = await until("the port", () => greeted(port), { deadlineMs: 10_000, everyMs: 20 });
      held.child.stdin?.write("still here\n");
      await held.waitFor(/still here/, 10_000);
      const gone = new Promise((resolve) => through.once("close", resolve));
      forward.grant({ permissions: without("PortForwarding") });
      await gone;
      held.child.stdin?.write("and after\n");
      await held.waitFor(/and after/, 10_000);
      forward.grant({ permissions: without("PortForwarding", "Exec") });
      await held.exited;
      assert.match(held.stderr(), /teleport-access: access ended/);
      const ends = forward.world.audit.filter(
        ({ event, outcome }) => event === "session.end" && outcome === "denied",
      );
      assert.deepEqual(
        ends.map(({ reason, detail }) => [reason, detail?.["kind"]]),
        [
          ["permission-not-granted", "forward"],
          ["permission-not-granted", "forward"],
        ],
      );
    });
  });
}

/** A connection to a port that greets, once it does. */
async function greeted(port: number): Promise<ReturnType<typeof connect> | undefined> {
  const socket = connect(port, "127.0.0.1");
  return await new Promise((resolve) => {
    socket.once("data", () => {
      resolve(socket);
    });
    socket.once("error", () => {
      resolve(undefined);
    });
    socket.once("close", () => {
      resolve(undefined);
    });
  });
}
