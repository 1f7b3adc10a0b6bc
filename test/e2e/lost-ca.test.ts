/** A CA's Secret is deleted: reported, never made again by itself, and what runs goes on. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { until } from "@teleport-access/testkit";
import { assertAlive, DESTINATION, grantAccess, kubectl, ssh } from "./world.ts";

before(grantAccess);

interface LostCa {
  readonly namespace: string;
  readonly object: string;
  readonly secret: string;
  readonly condition: string;
  readonly fingerprint: string;
}

const CASES: readonly LostCa[] = [
  {
    namespace: "acme",
    object: "teleportproxy/proxy",
    secret: "proxy-user-ca",
    condition: "UserCAReady",
    fingerprint: "{.status.userCA.activeFingerprint}",
  },
  {
    namespace: "prod",
    object: "teleportcluster/prod",
    secret: "prod-host-ca",
    condition: "HostCAReady",
    fingerprint: "{.status.hostCA.activeFingerprint}",
  },
];

/** The Secret without what the API server adds, to apply it again as an administrator restores a backup. */
function restorable(secret: string): string {
  const { metadata, ...rest } = JSON.parse(secret) as { metadata: Record<string, unknown> };
  const { name, namespace, labels, annotations } = metadata;
  return JSON.stringify({ ...rest, metadata: { name, namespace, labels, annotations } });
}

for (const { namespace, object, secret, condition, fingerprint } of CASES) {
  test(`kubectl delete secret ${secret}: ${condition} says KeyMissing, no new key, sessions live on, restoring it heals`, async () => {
    const active = await kubectl.field(namespace, object, fingerprint);
    const backup = await kubectl.run(["-n", namespace, "get", "secret", secret, "-o", "json"]);
    const session = await ssh.holdStream(DESTINATION);
    const reason = `{.status.conditions[?(@.type=="${condition}")].reason}`;
    try {
      await kubectl.run(["-n", namespace, "delete", "secret", secret]);
      await until(
        "KeyMissing",
        async () => (await kubectl.field(namespace, object, reason)) === "KeyMissing",
        {
          deadlineMs: 20_000,
        },
      );
      const events = ["-n", namespace, "get", "events.events.k8s.io", "-o", "jsonpath={.items[*].reason}"];
      await until("a warning", async () => (await kubectl.run(events)).includes("KeyMissing"), {
        deadlineMs: 10_000,
      });
      const left = await kubectl.run([
        "-n",
        namespace,
        "get",
        "secret",
        secret,
        "--ignore-not-found",
        "-o",
        "name",
      ]);
      assert.equal(left, "", "nothing is made again");
      assert.equal(await kubectl.field(namespace, object, fingerprint), active);
      await assertAlive(session);
      assert.equal(
        (await ssh.run(DESTINATION, "true")).code,
        0,
        "a new session with a certificate from before",
      );
    } finally {
      await session.stop();
      await kubectl.apply(restorable(backup));
    }
    await kubectl.wait(namespace, object, `condition=${condition}`, 30);
    assert.equal(await kubectl.field(namespace, object, fingerprint), active);
  });
}
