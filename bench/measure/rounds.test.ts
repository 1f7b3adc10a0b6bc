import assert from "node:assert/strict";
import { test } from "node:test";
import { keep, takeRounds } from "./rounds.ts";
import type { Sample } from "./sample.ts";

function sample(seconds: number, foreign: number): Sample {
  return { seconds, foreign, cpu: {}, load: 0 };
}

test("takeRounds starts each round with another way", async () => {
  const order: string[] = [];
  await takeRounds(["ours", "peer"], { rounds: 3, extra: 0 }, (name) => {
    order.push(name);
    return Promise.resolve(sample(1, 0));
  });
  assert.deepEqual(order, ["ours", "peer", "peer", "ours", "ours", "peer"]);
});

test("takeRounds takes a disturbed round again and does not count it", async () => {
  const foreign = [0.9, 0, 0, 0.3, 0, 0];
  let taken = 0;
  const { kept, all, disturbed } = await takeRounds(["ours"], { rounds: 3, extra: 9 }, () => {
    taken += 1;
    return Promise.resolve(sample(taken, foreign[taken - 1] ?? 0));
  });
  assert.deepEqual(
    kept.map(({ ours }) => ours.seconds),
    [2, 3, 5],
  );
  assert.equal(all.length, 5);
  assert.equal(disturbed, 0);
});

test("takeRounds gives up after the extra rounds and says how many of the kept ones were disturbed", async () => {
  const { kept, all, disturbed } = await takeRounds(["ours"], { rounds: 2, extra: 3 }, () =>
    Promise.resolve(sample(1, 0.5)),
  );
  assert.deepEqual({ kept: kept.length, all: all.length, disturbed }, { kept: 2, all: 5, disturbed: 2 });
});

test("keep judges a round by its most disturbed sample", () => {
  const calm = { ours: sample(1, 0.1), peer: sample(1, 0.1) };
  const rough = { ours: sample(2, 0), peer: sample(2, 0.6) };
  assert.deepEqual(keep([rough, calm], 1), { kept: [calm], disturbed: 0 });
});
