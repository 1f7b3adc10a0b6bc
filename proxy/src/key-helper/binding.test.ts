import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { createFakeWorld, NAMESPACE } from "../web/fake-world.ts";
import type { FakeWorld } from "../web/fake-world.ts";
import { bindToken } from "./binding.ts";
import { hashOfToken } from "./hello.ts";
import { TOKEN } from "./fake-key-helper.ts";

function createWorld(): { readonly world: FakeWorld; readonly token: { name: string; uid: string } } {
  const world = createFakeWorld(new ManualClock(), { key: "", cert: "" });
  world.put("keyhelpertokens", "kht-1", {
    spec: {
      userRef: { name: "alice" },
      tokenHash: hashOfToken(TOKEN),
      expirationTime: "2099-01-01T00:00:00Z",
    },
  });
  return { world, token: { name: "kht-1", uid: world.read("keyhelpertokens", "kht-1")?.metadata.uid ?? "" } };
}

test("bindToken gives the token to the first device, and to no other after it", async () => {
  const { world, token } = createWorld();
  const { kube } = world.deps;
  assert.equal(await bindToken(kube, NAMESPACE, token, "SHA256:one"), "bound");
  assert.equal(await bindToken(kube, NAMESPACE, token, "SHA256:one"), "bound");
  assert.equal(await bindToken(kube, NAMESPACE, token, "SHA256:two"), "wrong-device");
  assert.equal(world.read("keyhelpertokens", "kht-1")?.status?.["boundKeyFingerprint"], "SHA256:one");
});

test("bindToken lets exactly one of many devices win that come at the same moment", async () => {
  const { world, token } = createWorld();
  const answers = await Promise.all(
    Array.from({ length: 5 }, (_, n) => bindToken(world.deps.kube, NAMESPACE, token, `SHA256:${n}`)),
  );
  assert.equal(answers.filter((answer) => answer === "bound").length, 1);
});

test("bindToken refuses a token that was deleted, or made again under the same name", async () => {
  const { world, token } = createWorld();
  const { kube } = world.deps;
  assert.equal(await bindToken(kube, NAMESPACE, { ...token, uid: "another" }, "SHA256:one"), "bad-token");
  world.remove("keyhelpertokens", "kht-1");
  assert.equal(await bindToken(kube, NAMESPACE, token, "SHA256:one"), "bad-token");
});
