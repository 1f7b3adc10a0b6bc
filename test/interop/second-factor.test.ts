/** Stock ssh answering a question after its key was proven, directly and as a jump hop. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import { replyAndExit } from "@teleport-access/ssh";
import type { AuthChallenge } from "@teleport-access/ssh";
import { generatePrivateKey } from "@teleport-access/sshcert";
import { openSshMatrix, runProgram, strictSshOptions } from "@teleport-access/testkit";
import type { FinishedProgram } from "@teleport-access/testkit";

import { certify, PROXY_NAME, startLab } from "./lab.ts";
import type { Lab } from "./lab.ts";

const { installed } = openSshMatrix();
const challenge: AuthChallenge = {
  instruction: "This target asks for a code.",
  prompts: [{ text: "Code: ", echo: false }],
  answer: ([code]) => code === "424242",
};

for (const openSsh of installed) {
  describe(`${openSsh.version} with a second factor`, { concurrency: false }, () => {
    let lab: Lab;
    before(async () => {
      lab = await startLab({
        userServer: {
          authenticate: ({ key }) =>
            key?.kind === "certificate"
              ? { accept: "challenge", identity: key.certificate.keyId, challenge }
              : { accept: false },
        },
        session(connection) {
          connection.onSession((request) => {
            replyAndExit(request.accept(), `hello ${connection.identity}\n`, 0);
          });
        },
      });
      lab.folder.write("known_hosts", `@cert-authority ${PROXY_NAME} ${lab.proxyHostAuthority.line}\n`);
      const key = generatePrivateKey("Ed25519");
      lab.writeUser("alice", key, certify(lab.userAuthority, key));
    });
    after(() => lab.close());

    function ssh(code: string): Promise<FinishedProgram> {
      const askpass = lab.folder.write(`askpass-${code}`, `#!/bin/sh\necho ${code}\n`);
      chmodSync(askpass, 0o700);
      const options = strictSshOptions({
        BatchMode: "no",
        NumberOfPasswordPrompts: "1",
        UserKnownHostsFile: lab.folder.file("known_hosts"),
        HostKeyAlias: PROXY_NAME,
        IdentityFile: lab.folder.file("alice"),
        CertificateFile: lab.folder.file("alice-cert.pub"),
      });
      const args = [...options, "-p", String(lab.userPort), "alice@127.0.0.1", "hello"];
      const env = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" };
      return runProgram(openSsh.program("ssh"), args, { env });
    }

    it("gets in with the right code", async () => {
      const { status, stdout, stderr } = await ssh("424242");
      assert.deepEqual([status, stdout.toString()], [0, "hello alice\n"], stderr);
    });
    it("is refused with a wrong code", async () => {
      lab.events.refused.length = 0;
      assert.equal((await ssh("111111")).status, 255);
      assert.equal(lab.events.refused[0]?.reason, "challenge-failed");
    });
  });
}
