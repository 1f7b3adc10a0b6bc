/** Agents that get no tunnel, each with a reason of its own in the audit log. */
import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { before, test } from "node:test";
import { startSsh2 } from "@teleport-access/ssh";
import { runCommand } from "@teleport-access/testkit";
import { authorityKey, configFor, dialRefused, forge, newKey, window, type Forged } from "./certificates.ts";
import { addresses, expectAudit, machine } from "./world.ts";

before(async () => {
  await startSsh2();
});

/** Dials the tunnel port as an agent does, and expects to be refused. */
async function refused(user: string, identity: Forged): Promise<void> {
  await dialRefused(Number(addresses.tunnelPort), user, identity);
}

function hostCertificate(authority: KeyObject, principal: string, when: "now" | "over" = "now"): Forged {
  return forge(authority, { type: "host", keyId: principal, principals: [principal], ...window(when) });
}

async function expectRefusal(since: Date, cluster: string, reason: string): Promise<void> {
  await expectAudit(since, { event: "tunnel.auth", outcome: "denied", cluster, reason });
}

test("a cluster whose host CA is not trusted: cluster-not-trusted", async () => {
  const since = new Date();
  await refused("cluster:staging", hostCertificate(newKey(), "staging"));
  await expectRefusal(since, "staging", "cluster-not-trusted");
});

test("an agent that presents another cluster's name: wrong-cluster", async () => {
  const since = new Date();
  await refused("cluster:prod", hostCertificate(await authorityKey("prod", "prod-host-ca"), "staging"));
  await expectRefusal(since, "prod", "wrong-cluster");
});

test("a server's host certificate is no agent's: wrong-cluster", async () => {
  const since = new Date();
  await refused("cluster:prod", hostCertificate(await authorityKey("prod", "prod-host-ca"), "web-1.prod"));
  await expectRefusal(since, "prod", "wrong-cluster");
});

test("a certificate of another CA: certificate-unknown-authority", async () => {
  const since = new Date();
  await refused("cluster:prod", hostCertificate(newKey(), "prod"));
  await expectRefusal(since, "prod", "certificate-unknown-authority");
});

test("an expired certificate: certificate-expired", async () => {
  const since = new Date();
  await refused("cluster:prod", hostCertificate(await authorityKey("prod", "prod-host-ca"), "prod", "over"));
  await expectRefusal(since, "prod", "certificate-expired");
});

test("a person's certificate: certificate-wrong-type", async () => {
  const since = new Date();
  const authority = await authorityKey("acme", "proxy-user-ca");
  await refused("cluster:prod", forge(authority, { type: "user", keyId: "prod", principals: ["prod"] }));
  await expectRefusal(since, "prod", "certificate-wrong-type");
});

test("a plain key: plain-key", async () => {
  const since = new Date();
  const config = configFor({ privateKey: newKey() });
  const port = ["-p", addresses.tunnelPort, "-l", "cluster:prod"];
  const known = [
    "-o",
    `UserKnownHostsFile=${machine.files.knownHosts}`,
    "-o",
    `HostKeyAlias=[${addresses.sshHost}]:${addresses.sshPort}`,
  ];
  // OpenSSH, because our own client has no way to present a key without a certificate.
  const { code, stderr } = await runCommand("ssh", ["-F", config, ...port, ...known, "-N", "proxy-hop"]);
  assert.equal(code, 255, stderr);
  assert.match(stderr, /Permission denied/);
  await expectRefusal(since, "prod", "plain-key");
});
