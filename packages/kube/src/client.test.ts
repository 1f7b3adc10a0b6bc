import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { FakeApiServer, userAccess } from "@teleport-access/testkit";
import { createClient, type KubeClient } from "./client.ts";
import { connect } from "./connect.ts";
import type { KubeError } from "./errors.ts";
import { customResource, RESOURCES } from "./resources.ts";
import { createTransport } from "./transport.ts";

const grants = customResource("useraccesses");
const NAME = { namespace: "acme", name: "alice-prod" };

async function start(): Promise<{ server: FakeApiServer; client: KubeClient } & AsyncDisposable> {
  const server = await FakeApiServer.start();
  const client = await connect({ kind: "direct", connection: { server: server.url } });
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
    },
  };
}

function draft(): ReturnType<typeof userAccess> {
  const { metadata, ...rest } = userAccess();
  return { ...rest, metadata: { name: metadata.name, namespace: "acme" } };
}

/** Passes when a promise rejects with a KubeError of this code. */
function failsWith(code: KubeError["code"], message?: RegExp) {
  return (error: KubeError): boolean => {
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

describe("KubeClient", { timeout: 10_000 }, () => {
  test("get gives the object, and undefined when there is none", async () => {
    await using f = await start();
    f.server.set(userAccess());
    const found = await f.client.get(grants, NAME);
    assert.deepEqual(found?.spec.logins, ["deploy"]);
    assert.equal(await f.client.get(grants, { ...NAME, name: "bob" }), undefined);
  });

  test("get rejects a name that would lead elsewhere", async () => {
    await using f = await start();
    await assert.rejects(
      f.client.get(grants, { namespace: "acme", name: ".." }),
      failsWith("KUBE_BAD_REQUEST"),
    );
    assert.equal(await f.client.get(grants, { namespace: "acme", name: "a/../b" }), undefined);
    assert.match(f.server.requests[0]?.path ?? "", /a%2F..%2Fb$/);
  });

  test("list gives all pages with apiVersion and kind in each item", async () => {
    await using f = await start();
    for (let i = 0; i < 501; i++) {
      f.server.set({ kind: "Secret", metadata: { name: `s-${i}`, namespace: "acme" } });
    }
    const { items, resourceVersion } = await f.client.list(RESOURCES.secrets, { namespace: "acme" });
    assert.equal(items.length, 501);
    assert.equal(items[0]?.kind, "Secret");
    assert.equal(items[0].apiVersion, "v1");
    assert.equal(resourceVersion, String(f.server.objects.version));
  });

  test("list takes everything at once when the server forgot the first page", async () => {
    await using f = await start();
    for (let i = 0; i < 501; i++) f.server.set(userAccess({ name: `g-${i}` }));
    f.server.fail({ kind: "status", status: 410, reason: "Expired" }, { path: "useraccesses" }, 1);
    const { items } = await f.client.list(grants, { namespace: "acme" });
    assert.equal(items.length, 501);
    assert.equal(f.server.requests.at(-1)?.query.has("limit"), false);
  });

  test("list rejects with the first error of any other kind", async () => {
    await using f = await start();
    f.server.fail({ kind: "status", status: 403, reason: "Forbidden", message: "no" });
    await assert.rejects(f.client.list(grants), failsWith("KUBE_FORBIDDEN", /^list useraccesses: 403: no$/));
  });

  test("create makes an object once", async () => {
    await using f = await start();
    const made = await f.client.create(grants, draft());
    assert.ok(made.metadata.uid);
    await assert.rejects(f.client.create(grants, draft()), failsWith("KUBE_ALREADY_EXISTS"));
  });

  test("apply sends apiVersion, kind, manager and force as server-side apply", async () => {
    await using f = await start();
    const object = { metadata: NAME, data: { a: "b" } };
    await f.client.apply(RESOURCES.configmaps, object, { fieldManager: "teleport-access-agent/pod-1" });
    const [request] = f.server.requests;
    assert.equal(request?.method, "PATCH");
    assert.equal(request.headers["content-type"], "application/apply-patch+yaml");
    assert.equal(request.query.get("fieldManager"), "teleport-access-agent/pod-1");
    assert.equal(request.query.get("force"), "true");
    assert.deepEqual(request.body, { apiVersion: "v1", kind: "ConfigMap", metadata: NAME, data: { a: "b" } });
  });

  test("apply of the same changes nothing", async () => {
    await using f = await start();
    const first = await f.client.apply(grants, draft(), { fieldManager: "x" });
    const second = await f.client.apply(grants, draft(), { fieldManager: "x" });
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  test("apply rejects with KUBE_INVALID what the schema does not know, though the server says 500", async () => {
    await using f = await start();
    const object = { ...draft(), spec: { ...draft().spec, loginz: ["root"] } };
    await assert.rejects(
      f.client.apply(grants, object, { fieldManager: "x" }),
      failsWith("KUBE_INVALID", /typed patch object: spec.loginz/),
    );
  });

  test("applyStatus writes the status and nothing else", async () => {
    await using f = await start();
    f.server.set(userAccess());
    const object = { ...userAccess({ spec: { logins: ["root"] } }), status: { matchedClusters: 1 } };
    const { metadata: _, ...rest } = object;
    await f.client.applyStatus(grants, { ...rest, metadata: NAME }, { fieldManager: "x" });
    const stored = await f.client.get(grants, NAME);
    assert.equal(stored?.status?.matchedClusters, 1);
    assert.deepEqual(stored.spec.logins, ["deploy"]);
  });

  test("replace rejects with KUBE_CONFLICT when somebody was faster", async () => {
    await using f = await start();
    const old = f.server.set({ kind: "Secret", metadata: NAME }) as never;
    f.server.set({ kind: "Secret", metadata: NAME, type: "Opaque" } as never);
    await assert.rejects(f.client.replace(RESOURCES.secrets, old), failsWith("KUBE_CONFLICT"));
  });

  test("patch merges, with and without a condition on the version", async () => {
    await using f = await start();
    const stored = f.server.set({ kind: "ConfigMap", metadata: NAME, data: { a: "1", b: "2" } } as never);
    const patched = await f.client.patch(RESOURCES.configmaps, NAME, { data: { a: null, c: "3" } });
    assert.deepEqual(patched.data, { b: "2", c: "3" });
    const { resourceVersion } = stored.metadata;
    await assert.rejects(
      f.client.patch(RESOURCES.configmaps, NAME, { metadata: { resourceVersion }, data: {} }),
      failsWith("KUBE_CONFLICT"),
    );
  });

  test("delete says whether there was something, and keeps another object of that name", async () => {
    await using f = await start();
    const { uid } = f.server.set(userAccess()).metadata;
    await assert.rejects(f.client.delete(grants, NAME, { uid: "other" }), failsWith("KUBE_CONFLICT"));
    assert.equal(await f.client.delete(grants, NAME, { uid }), true);
    assert.equal(await f.client.delete(grants, NAME), false);
  });

  test("request gives the parsed answer of any path", async () => {
    await using f = await start();
    f.server.fail({ kind: "body", body: '{"gitVersion":"v1.36.3"}' }, { path: "/version" });
    assert.deepEqual(await f.client.request({ method: "GET", path: "/version" }), { gitVersion: "v1.36.3" });
  });

  test("request rejects with KUBE_PROTOCOL when the answer is not JSON", async () => {
    await using f = await start();
    f.server.fail({ kind: "body", body: "<html>" });
    await assert.rejects(f.client.get(grants, NAME), failsWith("KUBE_PROTOCOL"));
  });

  test("KubeClient comes back after the time that a busy server asks for", async () => {
    await using server = await FakeApiServer.start();
    const clock = new ManualClock();
    const client = createClient(createTransport({ server: server.url }, "test"), clock);
    server.set(userAccess());
    server.fail({ kind: "status", status: 429, retryAfterSeconds: 2 });
    const found = client.get(grants, NAME);
    await server.nextRequest();
    while (clock.timers === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(clock.nextTimerAt, clock.now() + 2000);
    clock.advance(2000);
    assert.ok(await found);
  });

  test("KubeClient gives up on a server that stays busy or asks for too long", async () => {
    await using f = await start();
    f.server.fail({ kind: "status", status: 429, retryAfterSeconds: 60 });
    await assert.rejects(f.client.get(grants, NAME), failsWith("KUBE_BUSY"));
    f.server.fail({ kind: "status", status: 503 });
    await assert.rejects(f.client.get(grants, NAME), failsWith("KUBE_BUSY"));
    assert.equal(f.server.requests.length, 2);
  });

  test("a caller that gives up is not kept waiting", async () => {
    await using f = await start();
    f.server.fail({ kind: "hang" });
    const controller = new AbortController();
    const found = f.client.get(grants, NAME, { signal: controller.signal });
    await f.server.nextRequest();
    controller.abort();
    await assert.rejects(found, failsWith("KUBE_ABORTED"));
    await assert.rejects(
      f.client.get(grants, NAME, { signal: controller.signal }),
      failsWith("KUBE_ABORTED"),
    );
  });
});
