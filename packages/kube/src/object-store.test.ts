import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { KubeObject } from "@teleport-access/crd";
import { keyOf, ObjectStore, type Change } from "./object-store.ts";

function object(name: string, uid: string, resourceVersion = "1"): KubeObject {
  return { metadata: { namespace: "acme", name, uid, resourceVersion } };
}

function brief(changes: readonly Change<KubeObject>[]): string[] {
  return changes.map(({ type, object: { metadata } }) => `${type} ${metadata.name}/${metadata.uid ?? ""}`);
}

describe("ObjectStore", () => {
  test("replaceAll yields deletions before additions and updates", () => {
    const store = new ObjectStore();
    store.replaceAll([object("a", "1"), object("m", "2"), object("z", "3")]);
    const changes = store.replaceAll([object("0", "4"), object("a", "5"), object("m", "2", "9")]);
    assert.deepEqual(brief(changes), ["deleted a/1", "deleted z/3", "added 0/4", "added a/5", "updated m/2"]);
  });

  test("put yields nothing for what it has already", () => {
    const store = new ObjectStore();
    store.put(object("a", "1", "7"));
    assert.deepEqual(store.put(object("a", "1", "7")), []);
  });

  test("remove takes the object of that name, and yields nothing when there is none", () => {
    const store = new ObjectStore();
    store.put(object("a", "1"));
    assert.deepEqual(brief(store.remove(object("a", "1", "2"))), ["deleted a/1"]);
    assert.deepEqual(store.remove(object("a", "1", "2")), []);
  });

  test("keyOf has the namespace, where there is one", () => {
    assert.equal(keyOf(object("a", "1")), "acme/a");
    assert.equal(keyOf({ metadata: { name: "acme" } }), "acme");
  });

  test("what replaceAll and put yield always leads from the old state to the new one", () => {
    const step = fc.array(
      fc.record({ name: fc.constantFrom("a", "b", "c"), uid: fc.constantFrom("1", "2"), version: fc.nat(3) }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const store = new ObjectStore();
        const replayed = new Map<string, KubeObject>();
        for (const items of steps) {
          const unique = new Map(items.map((i) => [i.name, object(i.name, i.uid, String(i.version))]));
          for (const change of store.replaceAll([...unique.values()])) {
            const key = keyOf(change.object);
            if (change.type === "deleted") assert.ok(replayed.delete(key));
            else replayed.set(key, change.object);
          }
          assert.deepEqual(replayed, store.objects);
        }
      }),
    );
  });
});
