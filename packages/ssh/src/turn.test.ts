import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { atTurnEnd, turn } from "./turn.ts";
import type { AtTurnEnd } from "./turn.ts";

/** Records when it is called; `then` may ask for more. */
function recorder(
  calls: string[],
  name: string,
  then: (self: AtTurnEnd) => void = () => undefined,
): AtTurnEnd {
  const self: AtTurnEnd = {
    turnEnds() {
      calls.push(name);
      then(self);
    },
  };
  return self;
}

describe("turn()", () => {
  it("turn() ends with everybody who waits for its end, in order, and before it returns", () => {
    const calls: string[] = [];
    turn(() => {
      atTurnEnd(recorder(calls, "first"));
      atTurnEnd(recorder(calls, "second"));
      calls.push("step");
    });
    assert.deepEqual(calls, ["step", "first", "second"]);
  });

  it("turn() calls in the same turn whom the end of it made wait", () => {
    const calls: string[] = [];
    turn(() => {
      atTurnEnd(
        recorder(calls, "inner", () => {
          atTurnEnd(recorder(calls, "outer"));
        }),
      );
    });
    assert.deepEqual(calls, ["inner", "outer"]);
  });

  it("turn() lets other sockets come before somebody who always has more", async () => {
    const calls: string[] = [];
    let stop = false;
    turn(() => {
      atTurnEnd(
        recorder(calls, "more", (self) => {
          if (!stop) atTurnEnd(self);
        }),
      );
    });
    const rounds = calls.length;
    assert.ok(rounds > 1 && rounds < 10, String(rounds));
    await new Promise(setImmediate);
    assert.ok(calls.length > rounds && calls.length <= 3 * rounds, String(calls.length));
    stop = true;
    await new Promise(setImmediate);
  });

  it("turn() ends for its waiters when its step throws, too", () => {
    const calls: string[] = [];
    assert.throws(() => {
      turn(() => {
        atTurnEnd(recorder(calls, "sent"));
        throw new Error("bad packet");
      });
    }, /bad packet/);
    assert.deepEqual(calls, ["sent"]);
  });

  it("atTurnEnd() outside of a turn waits for the next tick", async () => {
    const calls: string[] = [];
    atTurnEnd(recorder(calls, "one"));
    atTurnEnd(recorder(calls, "two"));
    assert.deepEqual(calls, []);
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    assert.deepEqual(calls, ["one", "two"]);
  });
});
