/**
 * Lets peers in a few at a time. When a proxy starts again, thousands of agents come back at once: if all their
 * key exchanges ran side by side, each would take seconds, and so would the log-in of a person in between.
 *
 * A seat is for who makes us compute. Whoever sits longer is waiting for the network, or
 * wants us to wait: the seat goes to the next, and nobody can hold the others up.
 */
import type { Clock, Timer } from "@teleport-access/daemon";

import { SEAT_MS } from "./limits.ts";

interface Visitor {
  readonly start: () => void;
  state: "waiting" | "seated" | "gone";
  timer?: Timer;
}

function nothing(): void {
  // Nobody is waiting for this seat.
}

export class WaitingRoom {
  readonly #seats: number;
  readonly #clock: Clock;
  /** In the order of their coming; those who have left are skipped. */
  #queue: Visitor[] = [];
  #waiting = 0;
  #seated = 0;

  constructor(seats: number, clock: Clock) {
    this.#seats = seats;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Calls `start` when it is the peer's turn, at once if there is a seat. Returns what to call when it is done or gone. */
  enter(start: () => void): () => void {
    if (this.#seats === Infinity) {
      start();
      return nothing;
    }
    const visitor: Visitor = { start, state: "waiting" };
    if (this.#seated < this.#seats) {
      this.#seat(visitor);
    } else {
      this.#queue.push(visitor);
      this.#waiting += 1;
    }
    return () => {
      this.#leave(visitor);
    };
  }

  #seat(visitor: Visitor): void {
    visitor.state = "seated";
    this.#seated += 1;
    visitor.timer = this.#clock.setTimer(SEAT_MS, () => {
      this.#leave(visitor);
    });
    visitor.start();
  }

  #leave(visitor: Visitor): void {
    const { state } = visitor;
    visitor.state = "gone";
    visitor.timer?.cancel();
    if (state === "waiting") this.#waiting -= 1;
    if (state !== "seated") return;
    this.#seated -= 1;
    this.#next();
  }

  #next(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (next.state !== "waiting") continue;
      this.#waiting -= 1;
      this.#seat(next);
      return;
    }
  }
}
