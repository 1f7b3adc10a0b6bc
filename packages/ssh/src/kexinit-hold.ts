/**
 * Holds a server's KEXINIT back until the client's has come.
 *
 * Sent at once, the two cross. The client's next packet then waits for an ACK of
 * its KEXINIT (Nagle), which our kernel delays by 40 ms because we have nothing
 * more to say. Sent after the client's, ours carries that ACK.
 */
import { systemClock } from "@teleport-access/daemon";
import type { Clock, Timer } from "@teleport-access/daemon";

/** A client that waits for our KEXINIT before it sends its own still gets it. */
const LONGEST_HOLD_MS = 20;

/** A wire. */
interface Corks {
  cork(): void;
  uncork(): void;
}

export class KexinitHold {
  readonly #wire: Corks;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(wire: Corks, clock: Clock = systemClock) {
    this.#wire = wire;
    this.#clock = clock;
  }

  /** From now on nothing leaves. */
  start(): void {
    this.#wire.cork();
    this.#timer = this.#clock.setTimer(LONGEST_HOLD_MS, () => {
      this.release();
    });
  }

  /** Lets everything leave. Does nothing when nothing is held. */
  release(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#wire.uncork();
  }
}
