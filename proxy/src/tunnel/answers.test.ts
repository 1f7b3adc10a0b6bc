import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "@teleport-access/daemon";
import { Answers, PATIENCE_MS } from "./answers.ts";

const MINUTE = 60_000;

function create(): { readonly answers: Answers; readonly clock: ManualClock } {
  const clock = new ManualClock();
  return { answers: new Answers(() => clock.monotonic()), clock };
}

describe("Answers", () => {
  test("Answers calls a tunnel silent when nothing was answered for two seconds, and not before", () => {
    const { answers, clock } = create();
    clock.advance(MINUTE);
    answers.asked();
    clock.advance(PATIENCE_MS);
    assert.equal(answers.silent, false);
    clock.advance(1);
    assert.equal(answers.silent, true);
    answers.asked();
    assert.equal(answers.silent, true, "asking is no answer");
    answers.answered();
    assert.equal(answers.silent, false);
    clock.advance(PATIENCE_MS + 1);
    assert.equal(answers.silent, true, "one of the two still waits");
  });

  test("Answers does not call a tunnel silent where one target is, and others answer", () => {
    const { answers, clock } = create();
    answers.asked();
    for (let i = 0; i < 10; i += 1) {
      clock.advance(PATIENCE_MS);
      answers.asked();
      answers.answered();
      assert.equal(answers.silent, false);
    }
  });

  test("Answers lets dials wait without a bound until one was never answered, then sixteen", () => {
    const { answers } = create();
    for (let i = 0; i < 100; i += 1) answers.asked();
    assert.equal(answers.hopeless, false);
    answers.missed();
    assert.equal(answers.hopeless, true);
    while (answers.waiting > 15) answers.missed();
    assert.equal(answers.hopeless, false);
    answers.asked();
    assert.equal(answers.hopeless, true);
    answers.answered();
    answers.asked();
    assert.equal(answers.hopeless, false, "it is there again");
  });

  test("Answers tries a silent tunnel again after a minute, once", () => {
    const { answers, clock } = create();
    answers.asked();
    clock.advance(20_000);
    answers.missed();
    assert.equal(answers.silent, true);
    clock.advance(MINUTE);
    assert.equal(answers.silent, false);
    answers.asked();
    clock.advance(PATIENCE_MS + 1);
    assert.equal(answers.silent, true);
  });

  test("Answers learns nothing from a dial that did not get to the agent", () => {
    const { answers, clock } = create();
    answers.asked();
    answers.withdrawn();
    clock.advance(PATIENCE_MS + 1);
    assert.deepEqual([answers.silent, answers.waiting], [false, 0]);
  });
});
