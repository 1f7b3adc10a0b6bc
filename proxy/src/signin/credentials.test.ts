import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { KubeError } from "@teleport-access/kube";
import { createFakeWorld, NAMESPACE } from "../web/fake-world.ts";
import type { FakeWorld } from "../web/fake-world.ts";
import { createCredentialStore, encodeCredentials, parseCredentials } from "./credentials.ts";

function createWorld(): FakeWorld {
  const world = createFakeWorld(new ManualClock(), { key: "", cert: "" });
  world.addUser("alice", "token");
  return world;
}

test("parseCredentials reads back what encodeCredentials wrote", () => {
  const credentials = {
    password: "$argon2id$…",
    totp: "sealed",
    totpLast: 59_849_163,
    attempts: [1, 2],
    inviteHash: "abc",
    inviteExpires: Date.UTC(2026, 0, 2),
  };
  assert.deepEqual(parseCredentials(encodeCredentials(credentials, {})), credentials);
  assert.deepEqual(parseCredentials(encodeCredentials({ attempts: [] }, {})), { attempts: [] });
});

test("encodeCredentials leaves keys alone that are not ours, and drops ours that are gone", () => {
  const previous = { note: "eA==", password: "eA==", "invite.hash": "eA==" };
  assert.deepEqual(encodeCredentials({ attempts: [] }, previous), { note: "eA==" });
});

test("parseCredentials takes values that make no sense for absent ones, which refuses", () => {
  function base64(text: string): string {
    return Buffer.from(text).toString("base64");
  }
  const data = {
    password: "",
    "totp.last": base64("-1"),
    failures: base64("?"),
    "invite.expires": base64("soon"),
  };
  assert.deepEqual(parseCredentials(data), { attempts: [] });
});

test("CredentialStore.update writes on top of what somebody else wrote in between", async () => {
  const world = createWorld();
  const store = createCredentialStore(world.deps.kube, NAMESPACE);
  const other = createCredentialStore(world.deps.kube, NAMESPACE);
  let interfered = false;
  const seen: (readonly number[])[] = [];
  const { kube } = world.deps;
  const slow = createCredentialStore(
    {
      ...kube,
      get: async (...args: Parameters<typeof kube.get>) => {
        const object = await kube.get(...args);
        if (!interfered) {
          interfered = true;
          await other.update("alice", (current) => ({ ...current, attempts: [1] }));
        }
        return object;
      },
    } as typeof kube,
    NAMESPACE,
  );
  await slow.update("alice", (current) => {
    seen.push(current.attempts);
    return { ...current, attempts: [...current.attempts, 2] };
  });
  assert.deepEqual(seen, [[], [1]]);
  assert.deepEqual((await store.read("alice"))?.attempts, [1, 2]);
});

test("CredentialStore.update runs changes of one user in turn, so that none is lost or fails", async () => {
  const world = createWorld();
  const store = createCredentialStore(world.deps.kube, NAMESPACE);
  await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      store.update("alice", (current) => ({ ...current, attempts: [...current.attempts, n] })),
    ),
  );
  assert.equal((await store.read("alice"))?.attempts.length, 50);
});

test("CredentialStore.read takes a Secret it may not read for none", async () => {
  const world = createWorld();
  world.failing.set("get secrets", new KubeError("KUBE_FORBIDDEN", "no"));
  assert.equal(await createCredentialStore(world.deps.kube, NAMESPACE).read("alice"), undefined);
});

test("CredentialStore.update throws what the API server says, other than a conflict", async () => {
  const world = createWorld();
  const error = new KubeError("KUBE_UNREACHABLE", "no");
  world.failing.set("replace secrets", error);
  const store = createCredentialStore(world.deps.kube, NAMESPACE);
  await assert.rejects(
    store.update("alice", (current) => ({ ...current, totpLast: 1 })),
    (thrown) => thrown === error,
  );
});
