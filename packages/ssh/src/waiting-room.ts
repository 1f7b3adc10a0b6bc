/**
 * Lets peers in a few at a time. When a proxy starts again, thousands of agents come back at once: if all their
 * key exchanges ran side by side, each would take seconds, and so would the log-in of a person in between.
 *
 * A seat is for who makes us compute. Whoever sits longer is waiting for the network, or
 * wants us to wait: the seat goes to the next, and nobody can hold the others up.
 *
 * Each seat also takes a token, and who is proven gives it back: agents come in as fast as we compute, while
 * strangers, who compute nothing useful with us, come to no more than the rate of key exchanges. The line waits then.
 */
import type { Clock, Timer } from "@teleport-access/daemon";

import { LINE_BURST_SECONDS, SEAT_MS } from "./limits.ts";
import type { SshServerLimits } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Who comes in. */
export interface Guest {
  /** It is the guest's turn. */
  start(): void;
  /** There will be no turn: the room is closed. */
  turnAway(): void;
}

/** A guest's way through the room. Each may be called at any time and more than once. */
export interface Visit {
  /** The peer is who it says. */
  proven(): void;
  /** It is gone. */
  leave(): void;
}

interface Visitor {
  readonly guest: Guest;
  state: "waiting" | "seated" | "standing" | "gone";
  timer?: Timer;
}

function nothing(): void {
  // Nobody is waiting for this seat.
}

const NO_LINE: Visit = { proven: nothing, leave: nothing };

export class WaitingRoom {
  readonly #seats: number;
  readonly #clock: Clock;
  readonly #tokens: TokenBucket;
  /** In the order of their coming. Those who have left are passed over. */
  #queue: Visitor[] = [];
  #seated = 0;
  /** Set while the line waits for a token. */
  #pause: Timer | undefined;

  constructor(limits: Pick<SshServerLimits, "handshakesAtOnce" | "handshakesPerSecond">, clock: Clock) {
    const { handshakesAtOnce, handshakesPerSecond: rate } = limits;
    this.#seats = handshakesAtOnce;
    this.#clock = clock;
    this.#tokens = new TokenBucket(rate, rate * LINE_BURST_SECONDS, clock.monotonic());
  }

  /** Starts the guest when it is its turn, at once if nobody has to wait. */
  enter(guest: Guest): Visit {
    if (this.#seats === Infinity) {
      guest.start();
      return NO_LINE;
    }
    const visitor: Visitor = { guest, state: "waiting" };
    this.#queue.push(visitor);
    this.#fill();
    return {
      proven: () => {
        if (visitor.state === "seated" || visitor.state === "standing") this.#tokens.giveBack();
        this.#leave(visitor);
      },
      leave: () => {
        this.#leave(visitor);
      },
    };
  }

  /** Turns those away who wait. Those who were let in are their host's business. */
  close(): void {
    this.#pause?.cancel();
    for (const { guest, state } of this.#queue.splice(0)) if (state === "waiting") guest.turnAway();
  }

  /** Lets in whom there are seats and tokens for. */
  #fill(): void {
    while (this.#seated < this.#seats) {
      const [first] = this.#queue;
      if (first === undefined || (first.state === "waiting" && !this.#hasToken())) return;
      this.#queue.shift();
      if (first.state === "waiting") this.#seat(first);
    }
  }

  /** If there is none, looks again when there is one. */
  #hasToken(): boolean {
    const wait = this.#tokens.wait(this.#clock.monotonic());
    if (wait === 0) return true;
    this.#pause ??= this.#clock.setTimer(Math.ceil(wait), () => {
      this.#pause = undefined;
      this.#fill();
    });
    return false;
  }

  #seat(visitor: Visitor): void {
    this.#seated += 1;
    this.#tokens.take();
    visitor.state = "seated";
    visitor.timer = this.#clock.setTimer(SEAT_MS, () => {
      this.#stand(visitor);
    });
    visitor.guest.start();
  }

  /** The seat is free again; what was begun goes on. */
  #stand(visitor: Visitor): void {
    if (visitor.state !== "seated") return;
    visitor.state = "standing";
    visitor.timer?.cancel();
    this.#seated -= 1;
    this.#fill();
  }

  #leave(visitor: Visitor): void {
    this.#stand(visitor);
    visitor.state = "gone";
  }
}
