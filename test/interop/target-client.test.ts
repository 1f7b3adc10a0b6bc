/** Our client against a real sshd: what the proxy uses when it speaks SSH to a target itself. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";

import { agentIdentities, connectSsh, startSsh2 } from "@teleport-access/ssh";
import type { PtyRequest, SshClientConnection, SshClientOptions, SshIdentity } from "@teleport-access/ssh";
import { generatePrivateKey } from "@teleport-access/sshcert";
import type { CertificateRequest, KeyAlgorithm } from "@teleport-access/sshcert";
import {
  createTestFolder,
  loginName,
  openSshMatrix,
  startSshAgent,
  startSshd,
  writeIdentity,
} from "@teleport-access/testkit";
import type { SshAgent, Sshd, TestFolder } from "@teleport-access/testkit";

import { certify, createAuthority, hostIdentity } from "./lab.ts";
import type { LabIdentity } from "./lab.ts";

const { installed } = openSshMatrix();
const HOST = "web-1.prod";
const ALGORITHMS: readonly KeyAlgorithm[] = ["Ed25519", "ECDSAP256", "ECDSAP384", "RSA3072"];
const PTY: PtyRequest = {
  terminal: "xterm",
  columns: 101,
  rows: 33,
  widthPixels: 0,
  heightPixels: 0,
  modes: Buffer.of(0),
};

for (const openSsh of installed) {
  describe(`connectSsh to the sshd of ${openSsh.version}`, { concurrency: false }, () => {
    const [users, hosts, others] = [createAuthority(), createAuthority(), createAuthority()];
    let folder: TestFolder;
    let sshd: Sshd;
    let agent: SshAgent;
    before(async () => {
      await startSsh2();
      folder = createTestFolder();
      folder.write("user_ca.pub", `${users.line}\n`);
      const lines = ALGORITHMS.flatMap((algorithm) => {
        const { privateKey, certificate } = hostIdentity(hosts, HOST, algorithm);
        const file = writeIdentity(folder, `host_${algorithm}`, privateKey, certificate);
        return [`HostKey ${file}`, `HostCertificate ${file}-cert.pub`];
      });
      sshd = await startSshd(openSsh, folder, [...lines, `TrustedUserCAKeys ${folder.file("user_ca.pub")}`]);
      agent = await startSshAgent(openSsh, folder);
    });
    after(async () => {
      await agent.stop();
      await sshd.stop();
      folder.remove();
    });

    function user(
      algorithm: KeyAlgorithm = "Ed25519",
      request: Partial<CertificateRequest> = {},
    ): LabIdentity {
      const privateKey = generatePrivateKey(algorithm);
      return {
        privateKey,
        certificate: certify(users, privateKey, { principals: [loginName()], ...request }),
      };
    }
    async function dial(
      options: Partial<SshClientOptions> & { identity?: SshIdentity | readonly SshIdentity[] } = {},
    ): Promise<SshClientConnection> {
      const trust = { hostAuthorities: [hosts.publicKey], hostname: HOST };
      const base = {
        host: "127.0.0.1",
        port: sshd.port,
        user: loginName(),
        identity: user(),
        timeoutMs: 10_000,
      };
      return await connectSsh({ ...base, ...trust, ...options });
    }
    async function output(client: SshClientConnection, command: string): Promise<string> {
      const session = await client.session({ kind: "exec", command });
      return await text(session.channel);
    }

    for (const algorithm of ALGORITHMS) {
      it(`logs in with a certificate of a ${algorithm} key`, async () => {
        const client = await dial({ identity: user(algorithm) });
        assert.equal(await output(client, "id -un"), `${loginName()}\n`);
        client.end();
      });
    }
    it("takes the host by its certificate alone, and by post-quantum key exchange where it is known", async () => {
      const client = await dial();
      assert.match(client.algorithms.hostKey, /-cert-v01@openssh\.com$/);
      const modern = Number(/OpenSSH_(\d+)/.exec(openSsh.version)?.[1]) >= 10;
      assert.equal(client.algorithms.keyExchange, modern ? "mlkem768x25519-sha256" : "curve25519-sha256");
      client.end();
    });
    it("refuses a host of another authority or another name", async () => {
      await assert.rejects(dial({ hostAuthorities: [others.publicKey] }), { code: "SSH_HOST_KEY_MISMATCH" });
      await assert.rejects(dial({ hostname: "db-1.prod" }), { code: "SSH_HOST_KEY_MISMATCH" });
    });
    it("is refused with another principal, and with an expired certificate", async () => {
      await assert.rejects(dial({ identity: user("Ed25519", { principals: ["nobody-else"] }) }), {
        code: "SSH_AUTH_REFUSED",
      });
      const past = { validAfter: new Date(1_700_000_000_000), validBefore: new Date(1_700_000_100_000) };
      await assert.rejects(dial({ identity: user("Ed25519", past) }), { code: "SSH_AUTH_REFUSED" });
    });
    it("keeps exit status, signal, error output and terminal size", async () => {
      const client = await dial();
      const failed = await client.session({ kind: "exec", command: "echo out; echo err >&2; exit 9" });
      const [out, err] = [
        text(failed.channel),
        new Promise((resolve) => failed.stderr.once("data", resolve)),
      ];
      assert.deepEqual([await out, String(await err), await failed.exit], ["out\n", "err\n", { status: 9 }]);
      const killed = await client.session({ kind: "exec", command: "kill -TERM $$" });
      killed.channel.resume();
      assert.deepEqual(await killed.exit, { signal: "TERM" });
      const terminal = await client.session(
        { kind: "exec", command: "stty size; sleep 0.2; stty size" },
        { pty: PTY },
      );
      terminal.resize({ ...PTY, columns: 77, rows: 22 });
      assert.match(await text(terminal.channel), /33 101\r\n22 77|22 77\r\n22 77/);
      client.end();
    });
    it("runs the sftp subsystem", async () => {
      const client = await dial();
      const session = await client.session({ kind: "subsystem", name: "sftp" });
      session.channel.write(Buffer.of(0, 0, 0, 5, 1, 0, 0, 0, 3));
      const version = await new Promise<Buffer>((resolve) => session.channel.once("data", resolve));
      assert.deepEqual([...version.subarray(4, 9)], [2, 0, 0, 0, 3]);
      client.end();
    });
    it("uses an agent's certificates of one authority, and none of its plain keys", async () => {
      const mine = user("ECDSAP256");
      const stranger = generatePrivateKey("Ed25519");
      await agent.add(writeIdentity(folder, "mine", mine.privateKey, mine.certificate));
      await agent.add(writeIdentity(folder, "stranger", stranger, certify(others, stranger)));
      function open(): Promise<ReturnType<typeof connect>> {
        return Promise.resolve(connect(agent.socket));
      }
      const identity = await agentIdentities(open, (c) => c.caKeyBlob.equals(users.publicKey.blob));
      assert.deepEqual(
        identity.map((one) => one.certificate.serial),
        [mine.certificate.serial],
      );
      const client = await dial({ identity });
      assert.equal(await output(client, "id -un"), `${loginName()}\n`);
      client.end();
    });
    it("survives the server's re-keying", async () => {
      const client = await dial();
      for (let i = 0; i < 3; i += 1) client.rekey();
      assert.equal((await output(client, "head -c 3000000 /dev/zero | tr '\\0' x")).length, 3_000_000);
      client.end();
    });
  });
}
