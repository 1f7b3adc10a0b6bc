import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { packageClosure, ROOT } from "./bundle.ts";

const MODULES = join(ROOT, "node_modules");

test("packageClosure takes what ssh2 requires at run time and not what only builds it", () => {
  assert.deepEqual(packageClosure("ssh2", MODULES), [
    "asn1",
    "bcrypt-pbkdf",
    "safer-buffer",
    "ssh2",
    "tweetnacl",
  ]);
});

test("packageClosure takes the native package of this machine and leaves out the others", () => {
  const names = packageClosure("@node-rs/argon2", MODULES);
  assert.equal(names.length, 2);
  assert.match(names[1] ?? "", /^@node-rs\/argon2-linux-(x64|arm64)-gnu$/);
});

test("packageClosure names a package that is not installed and what to do", () => {
  assert.throws(() => packageClosure("no-such-package", MODULES), /no-such-package .*install-dependencies/);
});
