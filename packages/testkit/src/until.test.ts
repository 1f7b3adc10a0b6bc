import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./until.ts";

const QUICK = { deadlineMs: 200, everyMs: 1 };

test("until asks again after undefined, false and an exception, and gives the answer", async () => {
  const answers = [() => undefined, () => false as const, () => Promise.reject(new Error("x")), () => "yes"];
  assert.equal(await until("an answer", () => (answers.shift() ?? (() => undefined))(), QUICK), "yes");
});

test("until names what it waited for, with the last exception as cause", async () => {
  await assert.rejects(
    until("the impossible", () => Promise.reject(new Error("still closed")), QUICK),
    (error: Error) =>
      error.message === "the impossible: not within 0.2 s" &&
      (error.cause as Error).message === "still closed",
  );
});
