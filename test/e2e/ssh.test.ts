/** What a person does with stock ssh, through proxy and tunnel to a stock sshd. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { runCommand } from "@teleport-access/testkit";
import { addresses, DESTINATION, expectAudit, grantAccess, machine, ssh } from "./world.ts";

before(grantAccess);

test("ssh -J runs a command as the granted login and hands back its exit status", async () => {
  const jump = `alice@${addresses.sshHost}:${addresses.sshPort}`;
  const { code, stdout, stderr } = await ssh.run(DESTINATION, "id -un; cat /etc/hostname; exit 7", [
    "-J",
    jump,
  ]);
  assert.equal(stdout, "deploy\nweb-1\n", stderr);
  assert.equal(code, 7);
});

test("ssh reaches the other server of the cluster by its own host certificate", async () => {
  const { stdout, stderr } = await ssh.run("deploy@db-1.prod", "cat /etc/hostname");
  assert.equal(stdout, "db-1\n", stderr);
});

test("ssh through the local account's name: the certificate says who somebody is", async () => {
  const since = new Date();
  const jump = `somebody@${addresses.sshHost}:${addresses.sshPort}`;
  const { code, stderr } = await ssh.run(DESTINATION, "true", ["-J", jump]);
  assert.equal(code, 0, stderr);
  await expectAudit(since, { event: "channel.open", outcome: "allowed", user: "alice", cluster: "prod" });
});

test("ssh -tt gives a shell on a pty", async () => {
  const { code, stdout } = await ssh.typeInto(DESTINATION, [
    "tty",
    "echo $((6 * 7)) is the answer",
    "exit 9",
  ]);
  assert.match(stdout, /\/dev\/pts\/\d+/);
  assert.match(stdout, /42 is the answer/);
  assert.equal(code, 9);
});

test("scp copies both ways without changing a byte", async () => {
  await ssh.copyBothWays("scp", DESTINATION);
});

test("sftp copies both ways without changing a byte", async () => {
  await ssh.copyBothWays("sftp", DESTINATION);
});

test("the servers open to no password and no plain key, even through the proxy", async () => {
  const folder = mkdtempSync(join(tmpdir(), "teleport-access-plain-"));
  try {
    // The same key without its certificate: ssh would find one named like the key beside it.
    const key = join(folder, "plain");
    copyFileSync(machine.files.key, key);
    const config = join(folder, "config");
    const jump = `ssh -F ${machine.files.sshConfig} -W %h:%p -p ${addresses.sshPort} ${addresses.sshHost}`;
    writeFileSync(
      config,
      [
        "Host *.prod",
        `  ProxyCommand ${jump}`,
        `  UserKnownHostsFile ${machine.files.knownHosts}`,
        `  IdentityFile ${key}`,
        "  IdentitiesOnly yes",
        "  BatchMode yes",
      ].join("\n"),
    );
    const { code, stderr } = await runCommand("ssh", ["-F", config, DESTINATION, "true"]);
    assert.equal(code, 255);
    assert.match(stderr, /Permission denied \(publickey\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
