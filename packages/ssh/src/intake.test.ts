import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Intake } from "./intake.ts";

interface Fixture {
  readonly intake: Intake;
  readonly handled: string[];
  /** What the wire was told. */
  readonly told: string[];
  /** Called with each chunk as it is handled. */
  during: (chunk: string) => void;
}

function fixture(): Fixture {
  const [handled, told]: [string[], string[]] = [[], []];
  const wire = { pause: () => told.push("pause"), resume: () => told.push("resume") };
  const made: Fixture = {
    ...{ handled, told, during: () => undefined },
    intake: new Intake(wire, (chunk) => {
      handled.push(chunk.toString());
      made.during(chunk.toString());
    }),
  };
  return made;
}

describe("Intake", () => {
  it("Intake hands on a chunk at once, in the memory it came in", () => {
    const chunk = Buffer.from("now");
    let seen: Buffer | undefined;
    const wire = { pause: () => undefined, resume: () => undefined };
    new Intake(wire, (one) => (seen = one)).read(chunk);
    assert.equal(seen, chunk);
  });

  it("Intake keeps a copy of what comes in the middle of something, and hands it on after that", async () => {
    const { intake, handled } = fixture();
    const chunk = Buffer.from("later");
    intake.guarded(() => {
      intake.read(chunk);
      intake.guarded(() => {
        intake.read(Buffer.from("last"));
      });
      chunk.fill("x");
    });
    assert.deepEqual(handled, []);
    await new Promise(setImmediate);
    assert.deepEqual(handled, ["later", "last"]);
  });

  it("Intake hands on nothing during a pause, and the rest of a chunk before the next one", () => {
    const { intake, handled, told } = fixture();
    intake.pause();
    intake.read(Buffer.from("second"));
    intake.rest(Buffer.from("first"));
    intake.handleKept();
    assert.deepEqual(handled, []);
    assert.equal(intake.paused, true);
    intake.resume();
    assert.deepEqual(handled, ["first", "second"]);
    assert.deepEqual(told, ["pause", "resume"]);
  });

  it("Intake copies the rest of a chunk once, however often it is put back", () => {
    const rests: Buffer[] = [];
    const wire = { pause: () => undefined, resume: () => undefined };
    const again = new Intake(wire, (chunk) => {
      again.pause();
      rests.push(chunk);
      if (chunk.length > 1) again.rest(chunk.subarray(1));
    });
    const chunk = Buffer.from("abc");
    again.read(chunk);
    chunk.fill("x");
    again.resume();
    again.resume();
    assert.deepEqual(rests.map(String).slice(1), ["bc", "c"]);
    assert.equal(rests[2]?.byteOffset, (rests[1]?.byteOffset ?? 0) + 1, "the same memory");
  });

  it("Intake reads on only when nothing that was kept has brought the next pause", () => {
    const made = fixture();
    const { intake, handled, told } = made;
    made.during = (chunk) => {
      if (chunk === "one") intake.pause();
    };
    intake.pause();
    intake.read(Buffer.from("one"));
    intake.read(Buffer.from("two"));
    intake.resume();
    assert.deepEqual(handled, ["one"]);
    assert.deepEqual(told, ["pause", "pause"]);
    intake.resume();
    assert.deepEqual(handled, ["one", "two"]);
    assert.deepEqual(told, ["pause", "pause", "resume"]);
  });
});
