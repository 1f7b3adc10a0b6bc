/** What goes away and comes back: a proxy, an agent. (The API server: without-api-server.test.ts.) */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { until } from "@teleport-access/testkit";
import { DESTINATION, grantAccess, kubectl, ssh } from "./world.ts";

before(grantAccess);

async function onePod(namespace: string, component: string): Promise<string> {
  const selector = `app.kubernetes.io/component=${component}`;
  const names = await kubectl.run(["-n", namespace, "get", "pods", "-l", selector, "-o", "name"]);
  return names.split("\n")[0] ?? "";
}

/** Milliseconds until ssh works again, asked without a pause; more than the bar is a failure. */
async function backWithin(barMs: number): Promise<number> {
  const from = performance.now();
  const options = { deadlineMs: barMs, everyMs: 20 };
  await until("ssh works again", async () => (await ssh.run(DESTINATION, "true")).code === 0, options);
  const ms = performance.now() - from;
  assert.ok(ms <= barMs, `ssh worked again after ${ms.toFixed(0)} ms`);
  return ms;
}

test("proxy pod deleted: its agents' tunnels are back within 10 s", async (t) => {
  await kubectl.run(["-n", "acme", "delete", await onePod("acme", "proxy"), "--wait=false"]);
  const ms = await backWithin(10_000);
  t.diagnostic(`ssh works again after ${ms.toFixed(0)} ms`);
  await kubectl.wait("acme", "teleportproxy/proxy", "condition=Ready", 60);
  const from = performance.now();
  await kubectl.wait("prod", "teleportcluster/prod", "condition=TunnelsConnected", 10);
  t.diagnostic(`every tunnel is up ${(performance.now() - from).toFixed(0)} ms after the new pod was ready`);
});

test("agent pod deleted: the cluster is served within 10 s by a new one", async (t) => {
  const old = await onePod("prod", "cluster-agent");
  await kubectl.run(["-n", "prod", "delete", old, "--wait=false"]);
  const ms = await backWithin(10_000);
  t.diagnostic(`ssh works again after ${ms.toFixed(0)} ms`);
  await kubectl.run([
    "-n",
    "prod",
    "wait",
    "--for=condition=Available",
    "deployment/prod-agent",
    "--timeout=10s",
  ]);
});

test("every agent pod deleted and gone: new ones serve within 10 s", async (t) => {
  const selector = "app.kubernetes.io/component=cluster-agent";
  const names = (await kubectl.run(["-n", "prod", "get", "pods", "-l", selector, "-o", "name"])).trim();
  await kubectl.run(["-n", "prod", "delete", ...names.split("\n"), "--wait"]);
  const ms = await backWithin(10_000);
  t.diagnostic(`ssh works again ${ms.toFixed(0)} ms after the last one was gone`);
});
