import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { applyObject, mergePatch, type JsonObject, type Managers } from "./fake-apply.ts";
import { FakeApiServer, placeOfObject } from "./fake-api-server.ts";
import { loginSession, userAccess } from "./objects.ts";

const GRANTS = "/apis/teleport-access.io/v1alpha1/namespaces/acme/useraccesses";

/** What a proxy pod applies. */
function entry(pod: string, tunnels: number): JsonObject {
  return { status: { proxies: [{ pod, tunnels }] } };
}

/** Each applied in turn to an empty object. */
function applied(...steps: readonly (readonly [manager: string, object: JsonObject])[]): JsonObject {
  const managers: Managers = new Map();
  return steps.reduce<JsonObject>(
    (stored, [manager, object]) => applyObject(stored, object, manager, managers),
    {},
  );
}

describe("applyObject", () => {
  test("applyObject takes away what the same manager leaves out", () => {
    assert.deepEqual(applied(["a", { spec: { x: 1, y: 2 } }], ["a", { spec: { x: 3 } }]), { spec: { x: 3 } });
  });

  test("applyObject keeps what another manager applied", () => {
    assert.deepEqual(applied(["a", { data: { x: "1" } }], ["b", { data: { x: "1", y: "2" } }], ["a", {}]), {
      data: { x: "1", y: "2" },
    });
  });

  test("applyObject merges lists with a key, each manager its own entries", () => {
    const both = applied(["a", entry("a", 1)], ["b", entry("b", 2)], ["a", entry("a", 3)]);
    assert.deepEqual(both, {
      status: {
        proxies: [
          { pod: "a", tunnels: 3 },
          { pod: "b", tunnels: 2 },
        ],
      },
    });
    assert.deepEqual(applied(["a", entry("a", 1)], ["b", entry("b", 2)], ["a", {}]), entry("b", 2));
  });

  test("applyObject replaces lists without a key", () => {
    assert.deepEqual(applied(["a", { logins: ["x", "y"] }], ["a", { logins: ["y"] }]), { logins: ["y"] });
  });

  test("mergePatch follows RFC 7386", () => {
    assert.deepEqual(mergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: null }, d: [2], e: { f: null } }), {
      a: { c: 2 },
      d: [2],
      e: {},
    });
  });
});

async function send(server: FakeApiServer, method: string, path: string, body?: unknown) {
  const response = await fetch(server.url + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { "content-type": "application/json" },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe("FakeApiServer", { timeout: 10_000 }, () => {
  test("FakeApiServer fills in the defaults of our schemas", async () => {
    await using server = await FakeApiServer.start();
    const { apiVersion, kind } = userAccess();
    const spec = { userRef: { name: "alice" }, clusters: ["prod"], logins: ["deploy"] };
    const { status, body } = await send(server, "POST", GRANTS, {
      apiVersion,
      kind,
      metadata: { name: "a" },
      spec,
    });
    assert.equal(status, 201);
    assert.equal((body["spec"] as Record<string, unknown>)["secondFactor"], "PerSignIn");
  });

  test("FakeApiServer refuses what our schemas refuse", async () => {
    await using server = await FakeApiServer.start();
    const bad = userAccess({ spec: { logins: ["Root User"] } });
    const { status, body } = await send(server, "POST", GRANTS, bad);
    assert.equal(status, 422);
    assert.match(String(body["message"]), /spec\.logins\[0\]: does not match/);
  });

  test("FakeApiServer counts generations of spec, not of status", async () => {
    await using server = await FakeApiServer.start();
    server.set(userAccess());
    assert.equal(
      server.set({ ...userAccess(), status: { matchedClusters: 1 } } as never).metadata.generation,
      1,
    );
    assert.equal(server.set(userAccess({ spec: { logins: ["root"] } })).metadata.generation, 2);
  });

  test("FakeApiServer keeps an object with finalizers until they are gone", () => {
    const server = new FakeApiServer();
    const session = loginSession({ metadata: { finalizers: ["x/y"] } });
    server.set(session);
    server.remove(session);
    assert.ok(server.get("LoginSession", "acme", session.metadata.name)?.metadata.deletionTimestamp);
    server.objects.patch(placeOfObject(session), { metadata: { finalizers: null } });
    assert.equal(server.get("LoginSession", "acme", session.metadata.name), undefined);
  });

  test("FakeApiServer finds objects by label and by field", async () => {
    await using server = await FakeApiServer.start();
    server.set(userAccess({ name: "a", metadata: { labels: { team: "x" } } }));
    server.set(userAccess({ name: "b", spec: { userRef: { name: "bob" } } }));
    async function names(query: string): Promise<string[]> {
      const { body } = await send(server, "GET", `${GRANTS}?${query}`);
      return (body["items"] as { metadata: { name: string } }[]).map((item) => item.metadata.name);
    }
    assert.deepEqual(await names("labelSelector=team%3Dx"), ["a"]);
    assert.deepEqual(await names("fieldSelector=spec.userRef.name%3Dbob"), ["b"]);
  });

  test("FakeApiServer wants its token", async () => {
    await using server = await FakeApiServer.start({ token: "secret" });
    assert.equal((await send(server, "GET", GRANTS)).status, 401);
  });

  test("placeOfObject knows the plural of every kind that we use", () => {
    const plurals = [
      "UserAccess",
      "TeleportProxy",
      "TrustedHostCA",
      "NetworkPolicy",
      "EndpointSlice",
      "Lease",
    ];
    assert.deepEqual(
      plurals.map((kind) => placeOfObject({ kind, metadata: { name: "a" } }).resource),
      [
        "/useraccesses",
        "/teleportproxies",
        "/trustedhostcas",
        "/networkpolicies",
        "/endpointslices",
        "/leases",
      ],
    );
  });
});
