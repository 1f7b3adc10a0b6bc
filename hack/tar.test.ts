import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { tarArchive, tarHeader } from "./tar.ts";

function list(archive: Buffer): string[] {
  const run = spawnSync("tar", ["--numeric-owner", "--utc", "-tvf", "-"], {
    input: archive,
    encoding: "utf8",
  });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/\s+/g, " "));
}

test("tarArchive writes what GNU tar reads, sorted, with the owner of each entry", () => {
  const archive = tarArchive([
    { path: "home/deploy", type: "folder", mode: 0o755, uid: 1000 },
    { path: "app/main.js", type: "file", mode: 0o644, content: Buffer.from("hello") },
    { path: "bin", type: "link", mode: 0o777, target: "usr/bin" },
  ]);
  assert.deepEqual(list(archive), [
    "-rw-r--r-- 0/0 5 1970-01-01 00:00 app/main.js",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin -> usr/bin",
    "drwxr-xr-x 1000/1000 0 1970-01-01 00:00 home/deploy/",
  ]);
});

test("tarArchive gives the same bytes whatever the order of its entries", () => {
  const one = { path: "a", type: "file", mode: 0o644, content: Buffer.from("1") } as const;
  const two = { path: "b", type: "file", mode: 0o644, content: Buffer.from("2") } as const;
  assert.deepEqual(tarArchive([one, two]), tarArchive([two, one]));
});

test("tarHeader puts a long path's folders into the prefix", () => {
  const path = `${"folder/".repeat(18)}file.js`;
  const archive = tarArchive([{ path, type: "file", mode: 0o644, content: Buffer.from("x") }]);
  assert.match(list(archive)[0] ?? "", /folder\/file\.js$/);
});

test("tarHeader refuses a name that ustar cannot hold", () => {
  assert.throws(() => tarHeader({ path: "x".repeat(101), type: "file", mode: 0o644 }, 0), /path too long/);
});
