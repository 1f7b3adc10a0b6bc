/** Agents whose network lets only HTTPS out: the same cluster, with its tunnels on the proxy's web port. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { addresses, DESTINATION, expectAudit, grantAccess, kubectl, ssh } from "./world.ts";

const CLUSTER = ["-n", "prod", "teleportcluster/prod"] as const;
let ordinary = "";

/** Sends the agents elsewhere; resolves when one has a tunnel that it dialled since. */
async function moveTunnels(address: string): Promise<void> {
  const since = new Date();
  const patch = [{ op: "replace", path: "/spec/proxies/0/address", value: address }];
  await kubectl.run(["patch", ...CLUSTER, "--type=json", "-p", JSON.stringify(patch)]);
  await expectAudit(since, { event: "tunnel.up", cluster: "prod" });
}

before(async () => {
  await grantAccess();
  ordinary = await kubectl.run(["get", ...CLUSTER, "-o", "jsonpath={.spec.proxies[0].address}"]);
});
after(async () => {
  await moveTunnels(ordinary);
  await grantAccess();
});

test("tunnels over wss:// on the web port carry ssh and copies", async () => {
  await moveTunnels(addresses.web.replace(/^https:/, "wss:"));
  await kubectl.wait("prod", "teleportcluster/prod", "condition=TunnelsConnected", 20);
  const { code, stdout, stderr } = await ssh.run(DESTINATION, "cat /etc/hostname; exit 3");
  assert.equal(stdout, "web-1\n", stderr);
  assert.equal(code, 3);
  await ssh.copyBothWays("sftp", DESTINATION);
});
