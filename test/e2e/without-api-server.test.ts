/**
 * The API server away for a while. The last file by its name: for half a minute
 * after its return, Kubernetes may call the node NotReady and take its pods out of
 * Services, which has nothing to do with us.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { revokeAndMeasure, until } from "@teleport-access/testkit";
import {
  assertAlive,
  DESTINATION,
  GRANT,
  grantAccess,
  kubectl,
  kubernetes,
  nodeInPod,
  ssh,
} from "./world.ts";

before(grantAccess);

async function restarts(): Promise<string> {
  const path = "{.items[*].status.containerStatuses[*].restartCount}";
  const counts = ["acme", "prod"].map((n) => kubectl.run(["-n", n, "get", "pods", "-o", `jsonpath=${path}`]));
  return (await Promise.all(counts)).join(" ");
}

/** kube-proxy has watches of its own to renew before the API server's Service leads anywhere again. */
async function untilPodsReachTheApiServer(): Promise<void> {
  const script = `
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const socket = net.connect({ host, port, timeout: 2000 });
socket.on("connect", () => process.exit(0));
socket.on("timeout", () => process.exit(1));
socket.on("error", () => process.exit(1));`;
  const name = ["-n", "acme", "get", "pods", "-l", "app.kubernetes.io/component=proxy", "-o", "name"];
  const [pod = ""] = (await kubectl.run(name)).split("\n");
  const options = { deadlineMs: 120_000, everyMs: 500 };
  await until(
    "the API server from a pod",
    async () => (await nodeInPod("acme", pod, script)) === "",
    options,
  );
}

test("API server away for 20 s: no session lost, new ones open, nothing restarts; a delete afterwards cuts", async (t) => {
  const native = (await kubernetes("status")).includes("native");
  if (!native) {
    t.skip("only the native driver can stop its API server");
    return;
  }
  const restartsBefore = await restarts();
  const session = await ssh.holdStream(DESTINATION);
  await kubernetes("api-stop");
  try {
    // The outage itself lasts this long; nothing is being waited for.
    await sleep(10_000);
    assert.equal((await ssh.run(DESTINATION, "true")).code, 0, "a new session within the staleness limit");
    await sleep(10_000);
    await assertAlive(session);
  } finally {
    await kubernetes("api-start");
  }
  await assertAlive(session);
  await untilPodsReachTheApiServer();
  const { ackToEndMs } = await revokeAndMeasure(kubectl, {
    namespace: "acme",
    object: GRANT,
    session,
    deadlineMs: 30_000,
  });
  t.diagnostic(`the session ended ${ackToEndMs.toFixed(0)} ms after the delete was acknowledged`);
  assert.equal(await restarts(), restartsBefore);
  await grantAccess();
});
