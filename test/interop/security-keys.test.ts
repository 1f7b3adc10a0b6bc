/**
 * Stock ssh with a security key (a FIDO authenticator, made of software here) through the whole product: the
 * proxy checks touch and PIN, and so does the target's sshd.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { formatCertificateLine, formatPublicKeyLine, issueCertificate } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import {
  createSecurityKey,
  openSshMatrix,
  runProgram,
  startSecurityKeyProvider,
} from "@teleport-access/testkit";
import type { FinishedProgram, SecurityKey, SecurityKeyProvider } from "@teleport-access/testkit";

import { startProxyWorld } from "./proxy-world.ts";
import type { ProxyWorld } from "./proxy-world.ts";

const { installed } = openSshMatrix();

for (const openSsh of installed) {
  for (const algorithm of ["Ed25519", "ECDSAP256"] as const) {
    describe(`${openSsh.version} with a security key, ${algorithm}`, { concurrency: false }, () => {
      const key: SecurityKey = createSecurityKey(algorithm);
      let world: ProxyWorld;
      let provider: SecurityKeyProvider;
      before(async () => {
        world = await startProxyWorld({ openSsh });
        provider = await startSecurityKeyProvider(openSsh, world.folder, key);
      });
      after(async () => {
        await provider.stop();
        await world.close();
      });

      function certificate(criticalOptions: Record<string, string> = {}): Certificate {
        return issueCertificate(world.keys.userCa, {
          type: "user",
          publicKey: key.publicKey,
          keyId: "alice",
          principals: [`${world.login}@prod`],
          validAfter: new Date(Date.now() - 60_000),
          validBefore: new Date(Date.now() + 3_600_000),
          criticalOptions,
          extensions: { "permit-pty": "", "session@teleport-access.io": "s-alice" },
        });
      }

      function ssh(destination: string, shown: Certificate): Promise<FinishedProgram> {
        const { folder } = world;
        folder.write("sk", key.file());
        folder.write("sk.pub", `${formatPublicKeyLine(key.publicKey)}\n`);
        folder.write("sk-cert.pub", `${formatCertificateLine(shown)}\n`);
        const { configPath } = world.client("sk");
        // In the file, since ssh hands it on to the ssh of ProxyJump, which it does not do with options.
        const provided = `SecurityKeyProvider ${provider.library}\n${readFileSync(configPath, "utf8")}`;
        const config = folder.write("sk.ssh_config", provided);
        world.audit.length = 0;
        const args = ["-F", config, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", destination, "echo in"];
        return runProgram(openSsh.program("ssh"), args, { env: provider.env });
      }

      it("certificates are what ssh-keygen reads", async () => {
        const file = world.folder.write("read-cert.pub", `${formatCertificateLine(certificate())}\n`);
        const { stdout, stderr } = await runProgram(openSsh.program("ssh-keygen"), ["-L", "-f", file]);
        assert.match(
          stdout.toString(),
          /Type: sk-(ssh-ed25519|ecdsa-sha2-nistp256)-cert-v01@openssh.com user/,
        );
        assert.match(stdout.toString(), /Public key: (ED25519-SK|ECDSA-SK)-CERT SHA256:/, stderr);
      });

      it("gets through the proxy and into the server when touched, and the counter is in the audit log", async () => {
        provider.gesture = { touched: true };
        const { status, stdout, stderr } = await ssh(`${world.login}@web-1.prod`, certificate());
        assert.equal(stdout.toString(), "in\n", stderr);
        assert.equal(status, 0);
        const line = await world.audited({ event: "ssh.auth", outcome: "allowed" });
        // The proxy's signature came first, the server's second.
        assert.deepEqual(line.detail, { keyVerifiedUser: false, keyCounter: key.counter - 1 });
      });

      it("gets nowhere when nobody touches it", async () => {
        provider.gesture = { touched: false };
        const { status, stderr } = await ssh("proxy", certificate());
        assert.equal(status, 255);
        assert.match(stderr, /Permission denied/);
        await world.audited({ event: "ssh.auth", outcome: "denied", reason: "not-touched" });
      });

      it("has to be unlocked when the certificate says verify-required", async () => {
        const strict = certificate({ "verify-required": "" });
        provider.gesture = { touched: true };
        assert.equal((await ssh("proxy", strict)).status, 255);
        await world.audited({ event: "ssh.auth", outcome: "denied", reason: "not-verified" });
        provider.gesture = { touched: true, verified: true };
        const { stdout, stderr } = await ssh(`${world.login}@web-1.prod`, strict);
        assert.equal(stdout.toString(), "in\n", stderr);
      });
    });
  }
}
