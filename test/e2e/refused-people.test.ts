/** People who are not let in at the proxy's SSH port, each with a reason of its own in the audit log. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startSsh2 } from "@teleport-access/ssh";
import { createSshClient } from "@teleport-access/testkit";
import {
  aliceExtensions,
  authorityKey,
  configFor,
  dialRefused,
  forge,
  newKey,
  window,
} from "./certificates.ts";
import { addresses, DESTINATION, expectAudit, grantAccess, ssh } from "./world.ts";

before(grantAccess);

async function refused(config: string, destination = DESTINATION): Promise<string> {
  const { code, stderr } = await createSshClient(config).run(destination, "true");
  assert.equal(code, 255, "ssh was let in");
  return stderr;
}

test("a plain key is refused: plain-key", async () => {
  const since = new Date();
  await refused(configFor({ privateKey: newKey() }));
  await expectAudit(since, { event: "ssh.auth", outcome: "denied", reason: "plain-key" });
});

test("an expired certificate is refused: certificate-expired", async () => {
  const since = new Date();
  const authority = await authorityKey("acme", "proxy-user-ca");
  const request = { type: "user", keyId: "alice", principals: ["deploy@prod"], ...window("over") } as const;
  await refused(configFor(forge(authority, { ...request, extensions: aliceExtensions() })));
  await expectAudit(since, { event: "ssh.auth", outcome: "denied", reason: "certificate-expired" });
});

test("a certificate of another CA is refused: certificate-unknown-authority", async () => {
  const since = new Date();
  const request = { type: "user", keyId: "alice", principals: ["deploy@prod"] } as const;
  await refused(configFor(forge(newKey(), { ...request, extensions: aliceExtensions() })));
  await expectAudit(since, { event: "ssh.auth", outcome: "denied", reason: "certificate-unknown-authority" });
});

test("a host certificate is no person's: certificate-wrong-type", async () => {
  const since = new Date();
  const authority = await authorityKey("acme", "proxy-user-ca");
  // With our own client: OpenSSH's would present the key without its certificate.
  await startSsh2();
  const identity = forge(authority, { type: "host", keyId: "alice", principals: ["deploy@prod"] });
  await dialRefused(Number(addresses.sshPort), "alice", identity);
  await expectAudit(since, { event: "ssh.auth", outcome: "denied", reason: "certificate-wrong-type" });
});

test("a certificate for a person who does not exist is refused: user-unknown", async () => {
  const since = new Date();
  const authority = await authorityKey("acme", "proxy-user-ca");
  const request = { type: "user", keyId: "mallory", principals: ["deploy@prod"] } as const;
  await refused(configFor(forge(authority, { ...request, extensions: aliceExtensions() })));
  await expectAudit(since, { event: "ssh.auth", outcome: "denied", reason: "user-unknown" });
});

test("a certificate whose sign-in is gone is refused: session-gone", async () => {
  const since = new Date();
  const authority = await authorityKey("acme", "proxy-user-ca");
  const extensions = { ...aliceExtensions(), "session@teleport-access.io": "s-aaaaaaaaaaaaaaaaaaaaaaaaaa" };
  await refused(
    configFor(forge(authority, { type: "user", keyId: "alice", principals: ["deploy@prod"], extensions })),
  );
  await expectAudit(since, { event: "ssh.auth", outcome: "denied", reason: "session-gone" });
});

test("a login that was not granted is refused by the target", async () => {
  const { code, stderr } = await ssh.run("root@web-1.prod", "true");
  assert.equal(code, 255);
  assert.match(stderr, /root@web-1\.prod: Permission denied \(publickey\)/);
});

test("a certificate with a login beyond the grant opens no jump: jump-exceeds-grant", async () => {
  const since = new Date();
  const authority = await authorityKey("acme", "proxy-user-ca");
  const principals = ["deploy@prod", "root@prod"];
  const request = { type: "user", keyId: "alice", principals, extensions: aliceExtensions() } as const;
  const said = await refused(configFor(forge(authority, request)), "root@web-1.prod");
  assert.match(said, /forward form/);
  await expectAudit(since, { event: "channel.open", outcome: "denied", reason: "jump-exceeds-grant" });
});

test("a target that the agent does not list is refused: target-not-listed", async () => {
  const since = new Date();
  await refused(ssh.configPath, "deploy@mail-1.prod");
  await expectAudit(since, { event: "channel.open", outcome: "denied", reason: "target-not-listed" });
});

test("a cluster that nobody trusts is refused", async () => {
  const since = new Date();
  const authority = await authorityKey("acme", "proxy-user-ca");
  const request = { type: "user", keyId: "alice", principals: ["deploy@prod"] } as const;
  await refused(
    configFor(forge(authority, { ...request, extensions: aliceExtensions() })),
    "deploy@web-1.nowhere",
  );
  await expectAudit(since, { event: "channel.open", outcome: "denied", reason: "cluster-not-trusted" });
});
