/**
 * The jump form with stock programs at both ends: ssh, scp and sftp through our
 * server, a tunnel and our agent to a real sshd. Only inner ciphertext passes.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { connectSsh, encodeDirectTcpip } from "@teleport-access/ssh";
import type { SshClientConnection } from "@teleport-access/ssh";
import { generatePrivateKey } from "@teleport-access/sshcert";
import {
  loginName,
  openSshMatrix,
  runProgram,
  startProgram,
  startSshd,
  strictSshOptions,
} from "@teleport-access/testkit";
import type {
  FinishedProgram,
  OpenSsh,
  OpenSshProgram,
  ProgramOptions,
  Sshd,
} from "@teleport-access/testkit";

import { certify, CLUSTER, hostIdentity, PROXY_NAME, startLab } from "./lab.ts";
import type { Lab } from "./lab.ts";

const { installed } = openSshMatrix();
const MEGABYTES_20 = 20_000_000;

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

interface World {
  readonly lab: Lab;
  readonly sshd: Sshd;
  /** Arguments that bring a stock program to `web-1.prod` through the proxy. */
  route(outer?: Record<string, string>, inner?: Record<string, string>): string[];
  run(program: OpenSshProgram, args: readonly string[], options?: ProgramOptions): Promise<FinishedProgram>;
  readonly destination: string;
  close(): Promise<void>;
}

async function startWorld(openSsh: OpenSsh): Promise<World> {
  const lab = await startLab();
  const host = hostIdentity(lab.clusterAuthority, "web-1.prod");
  lab.writeUser("web-1", host.privateKey, host.certificate);
  lab.folder.write("user_ca.pub", `${lab.userAuthority.line}\n`);
  const sshd = await startSshd(openSsh, lab.folder, [
    `HostKey ${lab.folder.file("web-1")}`,
    `HostCertificate ${lab.folder.file("web-1-cert.pub")}`,
    `TrustedUserCAKeys ${lab.folder.file("user_ca.pub")}`,
    `AuthorizedPrincipalsCommand /usr/bin/printf "%%s\\n" %u@${CLUSTER} %u@web-1.${CLUSTER}`,
    `AuthorizedPrincipalsCommandUser ${loginName()}`,
  ]);
  await lab.startAgent({ "web-1.prod": sshd.port, "gone.prod": 1 });
  const key = generatePrivateKey("Ed25519");
  const identity = lab.writeUser(
    "alice",
    key,
    certify(lab.userAuthority, key, { principals: [`${loginName()}@${CLUSTER}`] }),
  );
  const hosts = [`@cert-authority ${PROXY_NAME} ${lab.proxyHostAuthority.line}`];
  lab.folder.write(
    "known_hosts",
    `${hosts.concat(`@cert-authority *.${CLUSTER} ${lab.clusterAuthority.line}`).join("\n")}\n`,
  );
  const common = {
    UserKnownHostsFile: lab.folder.file("known_hosts"),
    CertificateFile: `${identity}-cert.pub`,
    IdentityFile: identity,
  };
  return {
    lab,
    sshd,
    route(outer = {}, inner = {}) {
      const hop = strictSshOptions({ ...common, HostKeyAlias: PROXY_NAME, ...outer });
      const proxy = [
        openSsh.program("ssh"),
        ...hop,
        "-W",
        "%h:%p",
        "-p",
        String(lab.userPort),
        "alice@127.0.0.1",
      ];
      return strictSshOptions({ ...common, ProxyCommand: proxy.join(" "), ...inner });
    },
    run: (program, args, options) => runProgram(openSsh.program(program), args, options),
    destination: `${loginName()}@web-1.${CLUSTER}`,
    async close() {
      await lab.close();
      await sshd.stop();
    },
  };
}

for (const openSsh of installed) {
  describe(`${openSsh.version} through a tunnel`, { concurrency: false }, () => {
    let world: World;
    before(async () => {
      world = await startWorld(openSsh);
    });
    after(() => world.close());
    const payload = randomBytes(MEGABYTES_20);

    it("runs a command and keeps its exit code, output and error output", async () => {
      const { status, stdout, stderr } = await world.run("ssh", [
        ...world.route(),
        world.destination,
        "echo out; echo err >&2; exit 23",
      ]);
      assert.deepEqual([status, stdout.toString(), stderr], [23, "out\n", "err\n"]);
    });
    it("works with a plain ProxyJump configuration", async () => {
      const { lab } = world;
      const file = lab.folder.write(
        "ssh_config",
        [
          "Host proxy.test",
          `  HostName 127.0.0.1\n  Port ${lab.userPort}\n  HostKeyAlias ${PROXY_NAME}\n  User alice`,
          "Host *.prod",
          "  ProxyJump proxy.test",
          "Host *",
          `  IdentityFile ${lab.folder.file("alice")}\n  CertificateFile ${lab.folder.file("alice-cert.pub")}`,
          `  UserKnownHostsFile ${lab.folder.file("known_hosts")}\n  GlobalKnownHostsFile none`,
          "  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n  StrictHostKeyChecking yes",
        ].join("\n"),
      );
      const { status, stdout, stderr } = await world.run("ssh", [
        "-F",
        file,
        world.destination,
        "echo jumped",
      ]);
      assert.deepEqual([status, stdout.toString(), stderr], [0, "jumped\n", ""]);
    });
    it("gives a terminal", async () => {
      const { stdout } = await world.run("ssh", [
        "-tt",
        ...world.route(),
        world.destination,
        "tty; stty size",
      ]);
      assert.match(stdout.toString(), /\/dev\/pts\//);
    });
    it("carries half-closed input: the answer comes after the input has ended", async () => {
      const { stdout } = await world.run("ssh", [...world.route(), world.destination, "sha256sum"], {
        input: payload,
      });
      assert.equal(stdout.toString().split(" ")[0], sha256(payload));
    });
    it("carries 20 MB down unchanged", async () => {
      const file = world.lab.folder.write("payload", payload);
      const { stdout } = await world.run("ssh", [...world.route(), world.destination, `cat ${file}`]);
      assert.equal(sha256(stdout), sha256(payload));
    });
    it("survives re-keying by the client, outside and inside, and by us", async () => {
      const rekey = { RekeyLimit: "1M" };
      const storm = setInterval(() => {
        world.lab.tunnel()?.rekey();
        world.lab.events.connections.at(-1)?.rekey();
      }, 20);
      const args = [...world.route(rekey, rekey), world.destination, "cat"];
      const { stdout } = await world.run("ssh", args, { input: payload });
      clearInterval(storm);
      assert.equal(sha256(stdout), sha256(payload));
    });
    for (const program of ["scp", "sftp"] as const) {
      it(`copies both ways with ${program}`, async () => {
        const { folder } = world.lab;
        const [there, back] = [folder.file(`${program}.there`), folder.file(`${program}.back`)];
        const local = folder.write(`${program}.local`, payload);
        if (program === "scp") {
          await world.run("scp", ["-q", ...world.route(), local, `${world.destination}:${there}`]);
          await world.run("scp", ["-q", ...world.route(), `${world.destination}:${there}`, back]);
        } else {
          const input = `put ${local} ${there}\nget ${there} ${back}\n`;
          await world.run("sftp", ["-q", ...world.route(), "-b", "-", world.destination], { input });
        }
        assert.equal(existsSync(back) && sha256(readFileSync(back)), sha256(payload));
      });
    }
    it("refuses a target that is not listed, and one that does not answer", async () => {
      for (const host of ["db-1.prod", "gone.prod"]) {
        const { status, stderr } = await world.run("ssh", [
          ...world.route(),
          `${loginName()}@${host}`,
          "true",
        ]);
        assert.equal(status, 255);
        assert.match(stderr, /stdio forwarding failed|open failed/);
      }
    });
    it("refuses sessions and remote forwards that nobody registered for", async () => {
      const { lab } = world;
      const hop = strictSshOptions({
        UserKnownHostsFile: lab.folder.file("known_hosts"),
        HostKeyAlias: PROXY_NAME,
        CertificateFile: lab.folder.file("alice-cert.pub"),
        IdentityFile: lab.folder.file("alice"),
        ExitOnForwardFailure: "yes",
      });
      const to = ["-p", String(lab.userPort), "alice@127.0.0.1"];
      assert.match((await world.run("ssh", [...hop, ...to, "true"])).stderr, /unknown channel type/);
      assert.equal((await world.run("ssh", [...hop, "-N", "-R", "0:127.0.0.1:1", ...to])).status, 255);
    });
    it("ends a running session within 100 ms of end(), with its message", async () => {
      const session = startProgram(openSsh.program("ssh"), [
        ...world.route(),
        world.destination,
        "echo up; sleep 60",
      ]);
      await new Promise((resolve) => session.process.stdout?.once("data", resolve));
      const started = performance.now();
      world.lab.events.connections.at(-1)?.end("access revoked");
      const { status, stderr } = await session.finished;
      assert.equal(status, 255);
      assert.match(stderr, /access revoked/);
      assert.ok(performance.now() - started < 1000, `${performance.now() - started} ms`);
    });
  });
}

describe("spliceSocket and spliceChannels", { concurrency: false }, () => {
  let world: World;
  let user: SshClientConnection;
  before(async () => {
    const [openSsh] = installed;
    if (openSsh === undefined) throw new Error("no OpenSSH is installed");
    world = await startWorld(openSsh);
    const { lab } = world;
    const key = generatePrivateKey("Ed25519");
    user = await connectSsh({
      host: "127.0.0.1",
      port: lab.userPort,
      user: "alice",
      identity: { privateKey: key, certificate: certify(lab.userAuthority, key) },
      hostAuthorities: [lab.proxyHostAuthority.publicKey],
      hostname: PROXY_NAME,
      timeoutMs: 5_000,
    });
  });
  after(() => world.close());

  it("close the target's socket when the user's connection is cut", async () => {
    const target = { host: "web-1.prod", port: 22, originAddress: "127.0.0.1", originPort: 1 };
    const channel = await user.openChannel("direct-tcpip", encodeDirectTcpip(target));
    const banner = await new Promise<Buffer>((resolve) => channel.once("data", resolve));
    assert.match(banner.toString(), /^SSH-2\.0-OpenSSH/);
    const tunnel = world.lab.tunnel();
    assert.ok(tunnel);
    assert.equal(tunnel.channels(), 1);
    user.destroy();
    await world.lab.events.connections.at(-1)?.closed;
    // The agent's CLOSE comes back over the tunnel.
    for (let i = 0; i < 200 && tunnel.channels() !== 0; i += 1) await new Promise((r) => setTimeout(r, 5));
    assert.equal(tunnel.channels(), 0);
  });
});
