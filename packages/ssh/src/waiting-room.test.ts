import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";

import { SEAT_MS } from "./limits.ts";
import { WaitingRoom } from "./waiting-room.ts";

interface Lab {
  readonly room: WaitingRoom;
  readonly clock: ManualClock;
  readonly started: string[];
  readonly enter: (name: string) => () => void;
}

function createLab(seats = 2): Lab {
  const clock = new ManualClock(0);
  const room = new WaitingRoom(seats, clock);
  const started: string[] = [];
  return { room, clock, started, enter: (name) => room.enter(() => started.push(name)) };
}

describe("WaitingRoom", () => {
  it("WaitingRoom starts as many as there are seats, and the next when one is done", () => {
    const { room, started, enter } = createLab();
    const done = ["a", "b", "c", "d"].map((name) => enter(name));
    assert.deepEqual(started, ["a", "b"]);
    assert.equal(room.waiting, 2);
    done[1]?.();
    done[1]?.();
    assert.deepEqual(started, ["a", "b", "c"]);
    done[0]?.();
    assert.deepEqual(started, ["a", "b", "c", "d"]);
    assert.equal(room.waiting, 0);
  });

  it("WaitingRoom gives the seat of a peer that says nothing to the next", () => {
    const { clock, started, enter } = createLab(1);
    const silent = enter("silent");
    enter("next");
    enter("last");
    clock.advance(SEAT_MS - 1);
    assert.deepEqual(started, ["silent"]);
    clock.advance(1);
    assert.deepEqual(started, ["silent", "next"]);
    silent();
    assert.deepEqual(started, ["silent", "next"]);
  });

  it("WaitingRoom passes over who has left while waiting", () => {
    const { room, started, enter } = createLab(1);
    const first = enter("first");
    const impatient = enter("impatient");
    enter("patient");
    impatient();
    assert.equal(room.waiting, 1);
    first();
    assert.deepEqual(started, ["first", "patient"]);
  });
});
