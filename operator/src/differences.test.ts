import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { covers, hashOf, isApplied, isSame, withAppliedHash } from "./differences.ts";

test("covers ignores what else is there and notices what differs or is missing", () => {
  const observed = { spec: { a: 1, defaulted: true, list: [{ name: "x", extra: 1 }] } };
  assert.equal(covers(observed, { spec: { a: 1, list: [{ name: "x" }] } }), true);
  assert.equal(covers(observed, { spec: { a: 2 } }), false);
  assert.equal(covers(observed, { spec: { list: [] } }), false);
  assert.equal(covers(observed, { spec: { list: [{ name: "x" }, { name: "y" }] } }), false);
  assert.equal(covers(observed, { spec: { b: 1 } }), false);
});

test("isApplied notices a field that is not wanted any more", () => {
  const meta = { name: "x", namespace: "y" };
  const before = withAppliedHash({ apiVersion: "v1", kind: "Service", metadata: meta, spec: { a: 1, b: 2 } });
  const after = withAppliedHash({ apiVersion: "v1", kind: "Service", metadata: meta, spec: { a: 1 } });
  assert.equal(isApplied(before, before), true);
  assert.equal(isApplied(after, before), false);
});

test("isSame and hashOf do not care about the order of fields", () => {
  assert.equal(isSame({ a: 1, b: [1, { c: 2, d: 3 }] }, { b: [1, { d: 3, c: 2 }], a: 1 }), true);
  assert.equal(hashOf({ a: 1, b: 2 }), hashOf({ b: 2, a: 1 }));
  assert.notEqual(hashOf({ a: 1 }), hashOf({ a: 2 }));
});

test("covers: every JSON value covers itself", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => covers(value, value) && isSame(value, structuredClone(value))),
  );
});
