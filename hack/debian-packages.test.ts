import assert from "node:assert/strict";
import { test } from "node:test";
import { ensurePrograms } from "./debian-packages.ts";

function silent(): void {
  // Nothing is installed in these tests.
}

test("ensurePrograms is content with what is there", () => {
  ensurePrograms(
    [
      { program: "sh", package: "dash" },
      { program: "/bin/sh", package: "dash" },
    ],
    silent,
  );
});

test("ensurePrograms names a missing program and the command that installs it", (t) => {
  const path = process.env["PATH"];
  t.after(() => (process.env["PATH"] = path));
  // No apt-get in PATH: nothing can be installed.
  process.env["PATH"] = "/nonexistent";
  assert.throws(() => {
    ensurePrograms([{ program: "no-such-program", package: "no-such-package" }], silent);
  }, /no-such-program not found: install it with: sudo apt-get install no-such-package/);
});
