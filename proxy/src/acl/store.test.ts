import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccessChange } from "./store.ts";
import {
  createFixture,
  grantObject,
  NOW,
  object,
  sessionObject,
  trustObject,
} from "../world-fixture.test.ts";

const HASH = `sha256:${"a".repeat(64)}`;

describe("createAccessStore()", () => {
  test("createAccessStore() answers from what was delivered, and from nothing else", () => {
    const { store } = createFixture();
    assert.equal(store.user("alice")?.uid, "u-proxyusers-alice");
    assert.deepEqual(
      store.grantsOf("alice").map((grant) => grant.name),
      ["alice-prod"],
    );
    assert.deepEqual(store.grantsOf("bob"), []);
    assert.equal(store.cluster("prod")?.authorities.length, 1);
    assert.equal(store.loginSession("s-alice")?.user, "alice");
    assert.equal(store.user("__proto__"), undefined);
  });

  test("createAccessStore() forgets what is deleted, and what is being deleted", () => {
    const { store, put, remove } = createFixture();
    remove("useraccesses", grantObject());
    assert.deepEqual(store.grantsOf("alice"), []);
    put("useraccesses", grantObject("other"));
    const leaving = object("useraccesses", "other", {}, { deletionTimestamp: "2026-01-31T08:00:00Z" });
    store.apply("useraccesses", [{ type: "updated", object: leaving }]);
    assert.deepEqual(store.grantsOf("alice"), []);
  });

  test("createAccessStore() keeps an object when an older one of its name is deleted late", () => {
    const { store } = createFixture();
    const older = object("proxyusers", "alice", {}, { uid: "u-older" });
    store.apply("proxyusers", [{ type: "deleted", object: older }]);
    assert.notEqual(store.user("alice"), undefined);
  });

  test("createAccessStore() takes an object that cannot be read for none, and says so", () => {
    const { store, lines } = createFixture();
    store.apply("useraccesses", [{ type: "updated", object: grantObject("alice-prod", { logins: "root" }) }]);
    assert.deepEqual(store.grantsOf("alice"), []);
    assert.ok(lines.some((line) => line.includes("spec.logins: is not a list")));
  });

  test("createAccessStore() ignores a LoginSession that no proxy sealed", () => {
    const { store, put } = createFixture();
    const forged = sessionObject("s-forged");
    const { spec } = forged as unknown as { readonly spec: object };
    put("loginsessions", object("loginsessions", "s-forged", { ...spec, userRef: { name: "root" } }));
    assert.equal(store.loginSession("s-forged"), undefined);
    // The seal covers the name: it cannot be copied to another session.
    put("loginsessions", { ...sessionObject("s-x"), metadata: { ...forged.metadata, name: "s-y" } });
    assert.equal(store.loginSession("s-y"), undefined);
  });

  test("createAccessStore() finds a token by its hash and the tokens of a person", () => {
    const { store, put } = createFixture();
    const spec = { userRef: { name: "alice" }, tokenHash: HASH, expirationTime: "2026-02-01T00:00:00Z" };
    put("keyhelpertokens", object("keyhelpertokens", "kht-1", spec));
    assert.equal(store.keyHelperToken(HASH)?.user, "alice");
    assert.equal(store.keyHelperToken(`sha256:${"b".repeat(64)}`), undefined);
    assert.equal(store.keyHelperTokensOf("alice").length, 1);
  });

  test("createAccessStore() tells listeners once a batch, after all of it is in", () => {
    const { store, put, remove } = createFixture();
    const seen: number[] = [];
    store.onChange(() => seen.push(store.grantsOf("alice").length));
    put("useraccesses", grantObject("b"), grantObject("c"));
    remove("useraccesses", grantObject("b"), grantObject("c"));
    assert.deepEqual(seen, [3, 1]);
  });

  test("createAccessStore() does not tell listeners of changes that decide nothing", () => {
    const { store } = createFixture();
    let told = 0;
    store.onChange(() => told++);
    const touched = { ...grantObject(), status: { matchedClusters: 1 } };
    store.apply("useraccesses", [{ type: "updated", object: touched }]);
    store.apply("trustedhostcas", [{ type: "updated", object: trustObject() }]);
    assert.equal(told, 0);
    assert.equal(store.grantsOf("alice")[0]?.resourceVersion, touched.metadata.resourceVersion);
  });

  test("createAccessStore() tells listeners the last version of a deleted grant", () => {
    const { store, remove } = createFixture();
    const causes: AccessChange[] = [];
    store.onChange((cause) => causes.push(cause));
    const gone = grantObject();
    remove("useraccesses", gone);
    assert.equal(causes[0]?.versions.get("u-useraccesses-alice-prod"), gone.metadata.resourceVersion);
  });

  test("createAccessStore() tells listeners whose trust is another one", () => {
    const { store, put, remove } = createFixture();
    const causes: AccessChange[] = [];
    store.onChange((cause) => causes.push(cause));
    put("trustedhostcas", trustObject("dev"), trustObject());
    put("useraccesses", grantObject("b"));
    remove("trustedhostcas", trustObject());
    assert.deepEqual(
      causes.map(({ clusters }) => clusters),
      [["dev"], [], ["prod"]],
    );
  });

  test("createAccessStore() tells every listener, even when one fails", () => {
    const { store, put, lines } = createFixture();
    let told = false;
    store.onChange(() => {
      throw new Error("defect");
    });
    store.onChange(() => {
      told = true;
    });
    put("useraccesses", grantObject("b"));
    assert.ok(told);
    assert.ok(lines.some((line) => line.includes("listener of the access list failed")));
  });
});

describe("AccessStore.stale()", () => {
  test("AccessStore.stale() follows the oldest proof of all watches", () => {
    const { store, clock } = createFixture();
    clock.advance(50_000);
    for (const kind of ["proxyusers", "useraccesses", "loginsessions", "trustedhostcas"] as const) {
      store.proved(kind, clock.now());
    }
    assert.equal(store.lastProof(), NOW);
    clock.advance(11_000);
    assert.ok(store.stale(clock.now()));
    store.proved("keyhelpertokens", clock.now());
    assert.ok(!store.stale(clock.now()));
  });

  test("AccessStore.checkFreshness() tells listeners when the list turns stale and fresh, once each", () => {
    const { store, clock } = createFixture();
    assert.ok(store.checkFreshness(), "fresh for the first time");
    let told = 0;
    store.onChange(() => told++);
    assert.ok(!store.checkFreshness());
    clock.advance(61_000);
    assert.ok(store.checkFreshness());
    assert.ok(!store.checkFreshness());
    assert.equal(told, 1);
    assert.ok(store.world(clock.now()).freshness.stale);
  });

  test("AccessStore.stale() is true until every kind has been listed", () => {
    const fresh = createFixture();
    assert.ok(fresh.store.synced);
    assert.equal(fresh.store.stale(NOW), false);
  });
});
