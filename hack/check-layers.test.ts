import { test } from "node:test";
import assert from "node:assert/strict";
import { ALLOWED, checkImport, checkTree } from "./check-layers.ts";

test("checkImport refuses a package that imports upwards", () => {
  assert.match(
    checkImport("packages/sshcert", "packages/sshcert/src/x.ts", "@teleport-access/ssh") ?? "",
    /may not import ssh/,
  );
});

test("checkImport refuses a program that imports another program", () => {
  assert.match(
    checkImport("operator", "operator/src/x.ts", "@teleport-access/proxy") ?? "",
    /may not import proxy/,
  );
});

test("checkImport refuses I/O in a pure package and allows node:crypto there", () => {
  assert.match(checkImport("packages/access", "packages/access/src/x.ts", "node:fs") ?? "", /is pure/);
  assert.equal(checkImport("packages/access", "packages/access/src/x.ts", "node:crypto"), undefined);
});

test("checkImport lets a test use testkit and node modules", () => {
  assert.equal(checkImport("packages/access", "packages/access/src/x.test.ts", "node:fs"), undefined);
  assert.equal(
    checkImport("packages/access", "packages/access/src/x.test.ts", "@teleport-access/testkit"),
    undefined,
  );
});

test("checkImport refuses a program that imports a test double", () => {
  assert.match(checkImport("proxy", "proxy/src/x.ts", "./fake-world.ts") ?? "", /only tests may import/);
  assert.equal(checkImport("proxy", "proxy/src/test-server.ts", "./fake-world.ts"), undefined);
});

test("ALLOWED has no circle", () => {
  function reach(name: string, seen: readonly string[]): void {
    assert.ok(!seen.includes(name), `circle: ${[...seen, name].join(" -> ")}`);
    for (const next of ALLOWED[`packages/${name}`] ?? []) reach(next, [...seen, name]);
  }
  for (const workspace of Object.keys(ALLOWED)) {
    for (const next of ALLOWED[workspace] ?? []) reach(next, [workspace]);
  }
});

test("checkTree finds the tree in order", () => {
  assert.deepEqual(checkTree(), []);
});
