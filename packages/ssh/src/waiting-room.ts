/**
 * Lets peers in a few at a time. When a proxy starts again, thousands of agents come back at once: if all their
 * key exchanges ran side by side, each would take seconds, and so would the log-in of a person in between.
 *
 * A seat is for who makes us compute. Whoever sits longer is waiting for the network, or
 * wants us to wait: the seat goes to the next, and nobody can hold the others up.
 *
 * Addresses take turns, so one that sends a hundred strangers holds an agent up by one of them.
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
  /** Whose turn it takes: addressKey of its address. */
  readonly address: string;
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
  /** Those of each address in the order of their coming; the first address is the next. Those who have left are passed over. */
  readonly #line = new Map<string, Visitor[]>();
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
    const others = this.#line.get(guest.address);
    if (others === undefined) this.#line.set(guest.address, [visitor]);
    else others.push(visitor);
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
    const left = [...this.#line.values()].flat();
    this.#line.clear();
    for (const { guest, state } of left) if (state === "waiting") guest.turnAway();
  }

  /** Lets in whom there are seats and tokens for. */
  #fill(): void {
    while (this.#seated < this.#seats) {
      const visitor = this.#first();
      if (visitor === undefined || !this.#hasToken()) return;
      this.#next(visitor.guest.address);
      this.#seat(visitor);
    }
  }

  #first(): Visitor | undefined {
    for (const [address, visitors] of this.#line) {
      while (visitors.length > 0 && visitors[0]?.state !== "waiting") visitors.shift();
      if (visitors.length > 0) return visitors[0];
      this.#line.delete(address);
    }
    return undefined;
  }

  /** The address has had its turn. */
  #next(address: string): void {
    const rest = this.#line.get(address)?.slice(1) ?? [];
    this.#line.delete(address);
    if (rest.length > 0) this.#line.set(address, rest);
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
