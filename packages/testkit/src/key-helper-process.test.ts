import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  keyFiles,
  runningKeyHelper,
  startKeyHelper,
  stopKeyHelper,
  type KeyFiles,
} from "./key-helper-process.ts";
import { until } from "./until.ts";

function files(t: TestContext): KeyFiles {
  const folder = mkdtempSync(join(tmpdir(), "teleport-access-helper-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return keyFiles(folder);
}

test("runningKeyHelper takes no stranger's process for a key-helper", (t) => {
  const mine = files(t);
  assert.equal(runningKeyHelper(mine), undefined, "no pid file");
  writeFileSync(mine.pid, String(process.pid));
  assert.equal(runningKeyHelper(mine), undefined, "another program has that number now");
  writeFileSync(mine.pid, "not a number");
  assert.equal(runningKeyHelper(mine), undefined);
});

test("stopKeyHelper ends the one that startKeyHelper started", async (t) => {
  const mine = files(t);
  const program = join(mine.folder, "program.mjs");
  writeFileSync(program, "setInterval(() => {}, 1000);");
  const options = { program, server: "https://h", user: "alice", token: "t", caFile: "/ca" };
  const pid = startKeyHelper(mine, options);
  await until("it runs", () => runningKeyHelper(mine) === pid, { deadlineMs: 5000, everyMs: 10 });
  await stopKeyHelper(mine);
  assert.equal(runningKeyHelper(mine), undefined);
});
