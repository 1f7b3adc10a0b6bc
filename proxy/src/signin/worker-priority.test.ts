import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { test } from "node:test";
import { createPasswords } from "./password.ts";
import { lowerWorkers } from "./worker-priority.ts";

const TASKS = "/proc/self/task";

test("createPasswords() lets the threads that hash yield to the event loop's", async () => {
  await createPasswords();
  const priorities = readdirSync(TASKS).map((task) => ({
    worker: readFileSync(`${TASKS}/${task}/comm`, "utf8").trim() === "libuv-worker",
    nice: getPriority(Number(task)),
  }));
  const workers = priorities.filter(({ worker }) => worker);
  assert.ok(workers.length > 0);
  assert.ok(workers.every(({ nice }) => nice === 10));
  assert.ok(getPriority(process.pid) < 10);
});

test("lowerWorkers() does nothing where there is no such folder", () => {
  assert.equal(lowerWorkers("/nonexistent"), 0);
});
