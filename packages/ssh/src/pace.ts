/**
 * Slows down a peer that asks again and again for what costs us more than it costs the peer: key exchanges, channels.
 * It is not cut, and notices nothing but that it has to wait.
 */

/** A transport: what it has read waits with the rest. */
interface Pauses {
  pause(): unknown;
  resume(): unknown;
}

/** How much of something a peer may ask for. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A token bucket that may go into debt: debt is time to wait. */
export class Pace {
  readonly #transport: Pauses;
  readonly #rate: Rate;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(transport: Pauses, rate: Rate, now: () => number = () => performance.now()) {
    this.#transport = transport;
    this.#rate = rate;
    this.#now = now;
    this.#tokens = rate.burst;
    this.#filledAt = now();
  }

  /** Counts one; after too many nothing is read for the milliseconds returned. */
  step(): number {
    const { burst, perSecond } = this.#rate;
    const now = this.#now();
    const filled = this.#tokens + ((now - this.#filledAt) * perSecond) / 1000;
    this.#filledAt = now;
    this.#tokens = Math.min(burst, filled) - 1;
    const wait = Math.ceil((Math.max(0, -this.#tokens) * 1000) / perSecond);
    if (wait > 0) this.#pause(wait);
    return wait;
  }

  /** Many may have come in one read: it is the last of them that says how long. */
  #pause(ms: number): void {
    this.#transport.pause();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#transport.resume();
    }, ms);
    // Nobody waits for a connection that is gone.
    this.#timer.unref();
  }
}

/** How many are answered before other connections get their turn: a burst is not one long turn of the event loop. */
const PER_TURN = 16;

/** Paces what a transport's peer asks for: to be called for each. */
export function pacer(transport: Pauses, rate: Rate): () => void {
  const pace = new Pace(transport, rate);
  let left = PER_TURN;
  return () => {
    if (pace.step() > 0) return;
    left -= 1;
    if (left > 0) return;
    transport.pause();
    setImmediate(() => {
      left = PER_TURN;
      transport.resume();
    });
  };
}
