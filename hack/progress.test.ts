import assert from "node:assert/strict";
import { test } from "node:test";
import { createProgress } from "./progress.ts";

function recorder(terminal: boolean): { lines: string[]; progress: ReturnType<typeof createProgress> } {
  const lines: string[] = [];
  const progress = createProgress({ write: (text) => lines.push(text), terminal, columns: 40 });
  return { lines, progress };
}

test("step prints its title with the seconds when it is done, and gives the result", async () => {
  const { lines, progress } = recorder(false);
  assert.equal(await progress.step("a thing", () => Promise.resolve(7)), 7);
  assert.match(lines.join(""), /^ {3}0\.0 s {3}a thing\n$/);
});

test("step says FAILED and passes the exception on", async () => {
  const { lines, progress } = recorder(false);
  await assert.rejects(
    progress.step("a thing", () => Promise.reject(new Error("boom"))),
    /boom/,
  );
  assert.match(lines.join(""), /a thing: FAILED\n$/);
});

test("step on a terminal renews one line and cuts it to the width", async () => {
  const { lines, progress } = recorder(true);
  await progress.step("x".repeat(100), () => Promise.resolve());
  assert.match(lines[0] ?? "", /^\r\u001b\[K/);
  assert.equal((lines[0] ?? "").length, "\r\u001b[K".length + 39);
});
