/** Stock ssh against our server: which certificates get in, which host certificates are believed, what is negotiated. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { systemClock } from "@teleport-access/daemon";
import { replyAndExit } from "@teleport-access/ssh";
import type { AuthRequest } from "@teleport-access/ssh";
import { generatePrivateKey } from "@teleport-access/sshcert";
import type { CertificateRequest } from "@teleport-access/sshcert";
import { openSshMatrix, runProgram, strictSshOptions } from "@teleport-access/testkit";
import type { FinishedProgram } from "@teleport-access/testkit";

import { certify, createAuthority, PROXY_NAME, startLab } from "./lab.ts";
import type { Authority, Lab } from "./lab.ts";

const { installed } = openSshMatrix();
const keys: Readonly<Record<string, KeyObject>> = {
  ed25519: generatePrivateKey("Ed25519"),
  p256: generatePrivateKey("ECDSAP256"),
  p384: generatePrivateKey("ECDSAP384"),
  p521: generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  rsa: generatePrivateKey("RSA3072"),
};
function key(name: string): KeyObject {
  const found = keys[name];
  if (found === undefined) throw new Error(`no key ${name}`);
  return found;
}
const otherAuthority = createAuthority();
const rsaAuthority = createAuthority("RSA3072");
const ecAuthority = createAuthority("ECDSAP256");

for (const openSsh of installed) {
  describe(`${openSsh.version} against createSshServer`, { concurrency: false }, () => {
    let lab: Lab;
    let files = 0;
    before(async () => {
      lab = await startLab({
        userAuthorities: [rsaAuthority.publicKey, ecAuthority.publicKey],
        session(connection) {
          connection.onSession((request) => {
            replyAndExit(request.accept(), `hello ${connection.identity}\n`, 7);
          });
        },
      });
      lab.folder.write("known_hosts", `@cert-authority ${PROXY_NAME} ${lab.proxyHostAuthority.line}\n`);
      lab.folder.write("wrong_hosts", `@cert-authority ${PROXY_NAME} ${otherAuthority.line}\n`);
    });
    after(() => lab.close());

    async function ssh(identity: string, options: Record<string, string> = {}): Promise<FinishedProgram> {
      lab.events.requests.length = 0;
      lab.events.refused.length = 0;
      const all = strictSshOptions({
        UserKnownHostsFile: lab.folder.file("known_hosts"),
        HostKeyAlias: PROXY_NAME,
        CertificateFile: `${identity}-cert.pub`,
        ...options,
      });
      const target = ["-i", identity, "-p", String(lab.userPort), "alice@127.0.0.1", "hello"];
      return await runProgram(openSsh.program("ssh"), [...all, ...target]);
    }
    function identity(name: string, authority: Authority, request: Partial<CertificateRequest> = {}): string {
      files += 1;
      return lab.writeUser(`${name}-${files}`, key(name), certify(authority, key(name), request));
    }
    function offered(): AuthRequest["key"] {
      return lab.events.requests.at(-1)?.key;
    }

    for (const name of Object.keys(keys)) {
      it(`lets in a certificate of a ${name} key`, async () => {
        const { status, stdout, stderr } = await ssh(identity(name, lab.userAuthority));
        assert.equal(stdout.toString(), "hello alice\n", stderr);
        assert.equal(status, 7);
        assert.equal(stderr, "", "a stock client has nothing to warn about");
        assert.equal(offered()?.kind, "certificate");
      });
    }
    for (const [name, authority] of [["an RSA", rsaAuthority] as const, ["an ECDSA", ecAuthority] as const]) {
      it(`lets in a certificate by ${name} authority`, async () => {
        assert.equal((await ssh(identity("ed25519", authority))).status, 7);
      });
    }
    for (const algorithm of ["rsa-sha2-256", "rsa-sha2-512"]) {
      it(`lets in an RSA key signing with ${algorithm}`, async () => {
        const only = { PubkeyAcceptedAlgorithms: `${algorithm}-cert-v01@openssh.com,${algorithm}` };
        assert.equal((await ssh(identity("rsa", lab.userAuthority), only)).status, 7);
        assert.equal(offered()?.algorithm, `${algorithm}-cert-v01@openssh.com`);
      });
    }
    it("refuses an RSA key signing with SHA-1", async () => {
      const sha1 = { PubkeyAcceptedAlgorithms: "ssh-rsa-cert-v01@openssh.com" };
      assert.equal((await ssh(identity("rsa", lab.userAuthority), sha1)).status, 255);
    });

    const hour = 3_600_000;
    const now = systemClock.now();
    const refusals: readonly { name: string; make: () => string; why: string }[] = [
      {
        name: "a plain key",
        make: () => lab.writeUser("plain", key("ed25519")),
        why: "a key that nobody signed for is nobody",
      },
      {
        name: "a certificate by another authority",
        make: () => identity("ed25519", otherAuthority),
        why: "its signature means nothing here",
      },
      {
        name: "an expired certificate",
        make: () =>
          identity("ed25519", lab.userAuthority, {
            validAfter: new Date(now - 2 * hour),
            validBefore: new Date(now - hour),
          }),
        why: "access ends with the certificate",
      },
      {
        name: "a certificate of tomorrow",
        make: () =>
          identity("ed25519", lab.userAuthority, {
            validAfter: new Date(now + hour),
            validBefore: new Date(now + 2 * hour),
          }),
        why: "it is not valid yet",
      },
      {
        name: "a host certificate as a user's",
        make: () => identity("ed25519", lab.userAuthority, { type: "host", extensions: {} }),
        why: "hosts are not people, whoever signed",
      },
      {
        name: "a critical option nobody enforces",
        make: () =>
          identity("ed25519", lab.userAuthority, { criticalOptions: { "made-up@example.com": "x" } }),
        why: "it restricts in a way we do not know",
      },
    ];
    for (const { name, make, why } of refusals) {
      it(`refuses ${name}`, async () => {
        const { status, stderr } = await ssh(make());
        assert.equal(status, 255, why);
        assert.match(stderr, /Permission denied \(publickey\)/, why);
      });
    }

    it("reports a plain key as what it is", async () => {
      await ssh(lab.writeUser("plain2", key("p256")));
      assert.equal(offered()?.kind, "plain");
    });
    it("is disconnected after six refused keys", async () => {
      const wrong = Array.from({ length: 8 }, (_, i) =>
        lab.writeUser(`wrong${i}`, generatePrivateKey("Ed25519")),
      );
      const all = strictSshOptions({
        UserKnownHostsFile: lab.folder.file("known_hosts"),
        HostKeyAlias: PROXY_NAME,
      });
      lab.events.refused.length = 0;
      const args = [
        ...all,
        ...wrong.flatMap((file) => ["-i", file]),
        "-p",
        String(lab.userPort),
        "alice@127.0.0.1",
      ];
      const { stderr } = await runProgram(openSsh.program("ssh"), args);
      assert.match(stderr, /Too many authentication failures/);
      assert.ok(lab.events.refused.some((peer) => peer.reason === "too-many-tries"));
    });

    it("believes a host certificate by its authority alone", async () => {
      const { stderr } = await ssh(identity("ed25519", lab.userAuthority), { LogLevel: "DEBUG1" });
      assert.match(stderr, /Server host certificate: ssh-ed25519-cert-v01@openssh.com/);
    });
    it("is not believed under another authority", async () => {
      const wrong = { UserKnownHostsFile: lab.folder.file("wrong_hosts") };
      assert.match((await ssh(identity("ed25519", lab.userAuthority), wrong)).stderr, /verification failed/);
    });
    it("is not believed under another name", async () => {
      lab.folder.write("other_hosts", `@cert-authority other.test ${lab.proxyHostAuthority.line}\n`);
      const other = { HostKeyAlias: "other.test", UserKnownHostsFile: lab.folder.file("other_hosts") };
      assert.match((await ssh(identity("ed25519", lab.userAuthority), other)).stderr, /verification failed/);
    });

    for (const algorithm of ["curve25519-sha256", "curve25519-sha256@libssh.org"]) {
      it(`exchanges keys with ${algorithm}`, async () => {
        const { status, stderr } = await ssh(identity("ed25519", lab.userAuthority), {
          KexAlgorithms: algorithm,
        });
        assert.equal(status, 7, stderr);
      });
    }
    it("refuses key exchanges it does not offer", async () => {
      const group = { KexAlgorithms: "diffie-hellman-group14-sha256" };
      assert.match(
        (await ssh(identity("ed25519", lab.userAuthority), group)).stderr,
        /no matching key exchange/,
      );
    });
    it("agrees on post-quantum key exchange, strict key exchange and GCM by default", async () => {
      const { stderr } = await ssh(identity("ed25519", lab.userAuthority), { LogLevel: "DEBUG3" });
      const modern = Number(/OpenSSH_(\d+)/.exec(openSsh.version)?.[1]) >= 10;
      assert.match(
        stderr,
        modern ? /kex: algorithm: mlkem768x25519-sha256/ : /kex: algorithm: curve25519-sha256/,
      );
      assert.match(stderr, /will use strict KEX ordering/);
      assert.match(stderr, /cipher: aes128-gcm@openssh.com MAC: <implicit> compression: none/);
      assert.match(stderr, /server-sig-algs=<[^>]*rsa-sha2-512,rsa-sha2-256>/);
    });
  });
}
