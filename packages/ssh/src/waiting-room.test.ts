import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ManualClock } from "@teleport-access/daemon";

import { LINE_BURST_SECONDS, SEAT_MS } from "./limits.ts";
import { WaitingRoom } from "./waiting-room.ts";
import type { Visit } from "./waiting-room.ts";

interface Lab {
  readonly room: WaitingRoom;
  readonly clock: ManualClock;
  readonly started: string[];
  readonly turnedAway: string[];
  readonly enter: (name: string, address?: string) => Visit;
}

function createLab(handshakesAtOnce = 2, handshakesPerSecond = 1000): Lab {
  const clock = new ManualClock(0);
  const room = new WaitingRoom({ handshakesAtOnce, handshakesPerSecond }, clock);
  const started: string[] = [];
  const turnedAway: string[] = [];
  function enter(name: string, address = "192.0.2.1"): Visit {
    return room.enter({ address, start: () => started.push(name), turnAway: () => turnedAway.push(name) });
  }
  return { room, clock, started, turnedAway, enter };
}

describe("WaitingRoom", () => {
  it("WaitingRoom starts as many as there are seats, and the next when one is done", () => {
    const { started, enter } = createLab();
    const [first, second] = ["a", "b", "c", "d"].map((name) => enter(name));
    assert.deepEqual(started, ["a", "b"]);
    second?.proven();
    second?.leave();
    assert.deepEqual(started, ["a", "b", "c"]);
    first?.leave();
    assert.deepEqual(started, ["a", "b", "c", "d"]);
  });

  it("WaitingRoom has no line where there is a seat for everybody", () => {
    const { started, enter, clock } = createLab(Infinity, 1);
    for (const name of ["a", "b", "c"]) enter(name);
    assert.deepEqual(started, ["a", "b", "c"]);
    assert.equal(clock.timers, 0);
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
    silent.leave();
    assert.deepEqual(started, ["silent", "next"]);
  });

  it("WaitingRoom passes over who has left while waiting", () => {
    const { started, enter } = createLab(1);
    const first = enter("first");
    const impatient = enter("impatient");
    enter("patient");
    impatient.leave();
    first.leave();
    assert.deepEqual(started, ["first", "patient"]);
  });

  it("WaitingRoom lets agents in as fast as they are proven, and strangers at the rate of key exchanges", () => {
    const { clock, started, enter } = createLab(10, 5);
    for (let i = 0; i < 1000; i += 1) enter(`agent ${i}`).proven();
    assert.equal(started.length, 1000, "who is proven gives its token back");
    const strangers = Array.from({ length: 100 }, (_, i) => enter(`stranger ${i}`));
    for (const visit of strangers.slice(0, 5 * LINE_BURST_SECONDS)) visit.leave();
    assert.equal(started.length - 1000, 5 * LINE_BURST_SECONDS, "what the bucket holds");
    clock.advance(2000);
    assert.equal(started.length - 1000, 5 * LINE_BURST_SECONDS + 10, "and then the rate");
  });

  it("WaitingRoom keeps an agent in line while strangers use the rate up, and takes it when there is a token", () => {
    const { clock, started, enter } = createLab(10, 1);
    for (let i = 0; i < LINE_BURST_SECONDS; i += 1) enter("stranger").leave();
    enter("agent");
    assert.ok(!started.includes("agent"));
    clock.advance(1000);
    assert.ok(started.includes("agent"));
  });

  it("WaitingRoom lets addresses take turns: many strangers of one hold an agent up by one of them", () => {
    const { started, enter } = createLab(1);
    const seated = enter("seated", "192.0.2.1");
    for (let i = 0; i < 100; i += 1) enter("stranger", "192.0.2.1");
    const agent = enter("agent", "192.0.2.2");
    enter("another", "192.0.2.3");
    seated.leave();
    assert.deepEqual(started, ["seated", "stranger"]);
    agent.leave();
    assert.equal(started.length, 2, "who has left takes no turn");
  });

  it("WaitingRoom gives each address its turn in the order of their coming", () => {
    const { clock, started, enter } = createLab(1);
    for (const name of ["a1", "a2", "b1", "a3", "b2", "c1"]) enter(name, `192.0.2.${name[0] ?? ""}`);
    clock.advance(5 * SEAT_MS);
    assert.deepEqual(started, ["a1", "a2", "b1", "c1", "a3", "b2"]);
  });

  it("WaitingRoom counts an agent that took longer than its seat as proven all the same", () => {
    const { clock, started, enter } = createLab(1, 1);
    const far = Array.from({ length: LINE_BURST_SECONDS }, () => {
      const visit = enter("far");
      clock.advance(SEAT_MS);
      return visit;
    });
    for (const visit of far) visit.proven();
    for (let i = 0; i < LINE_BURST_SECONDS; i += 1) enter("next").leave();
    assert.equal(started.filter((name) => name === "next").length, LINE_BURST_SECONDS);
  });

  it("WaitingRoom turns away who still waits when it closes, and leaves no timer behind", () => {
    const { room, clock, turnedAway, enter } = createLab(1, 1);
    const seated = enter("seated");
    enter("gone").leave();
    enter("waiting");
    room.close();
    seated.leave();
    assert.deepEqual(turnedAway, ["waiting"]);
    assert.equal(clock.timers, 0);
  });
});
