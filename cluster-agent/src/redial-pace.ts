/**
 * How long to wait before a proxy is dialled again.
 *
 * Pure. A proxy that worked a moment ago and has nobody listening now is being started again: it is tried often, since
 * it lets all agents wait in line. One that is there and sends us away is full, and one that has been away for
 * long has people looking after it: both are tried less and less often.
 */
import { createBackoff } from "@teleport-access/daemon";
import type { Backoff } from "@teleport-access/daemon";

/** Slow enough for a proxy that all agents of an estate come back to. */
const PATIENT = { initialMs: 250, maxMs: 10_000 };

/** Two tries a second at most, and half a second lost on average once the proxy listens. */
const EAGER = { initialMs: 250, maxMs: 1_000 };

/** A pod that is killed or replaced is back by then, or something else is wrong. */
const EAGER_FOR_MS = 30_000;

/**
 * Nobody waits for the second tunnel to a replica: when all agents have lost the same proxy, most of them stand in
 * line for their first one before anybody asks for a second.
 */
const SPARE_MS = 3_000;

export interface RedialPaceOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
}

export class RedialPace {
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #patient: Backoff;
  readonly #eager: Backoff;
  #lostAt = -Infinity;
  #absent = false;

  constructor({ now, random }: RedialPaceOptions) {
    this.#now = now;
    this.#random = random;
    this.#patient = createBackoff({ ...PATIENT, random });
    this.#eager = createBackoff({ ...EAGER, random });
  }

  /** The last tunnel that worked is gone. */
  lost(): void {
    this.#lostAt = this.#now();
    this.#absent = true;
  }

  /** A dial has failed. `absent`: nobody was there. */
  failed(absent: boolean): void {
    this.#absent = absent;
  }

  /** All is as it should be, or something has changed so that it may be. */
  reset(): void {
    this.#patient.reset();
    this.#eager.reset();
  }

  /** Milliseconds until the next dial. */
  next(): number {
    const restarting = this.#absent && this.#now() - this.#lostAt < EAGER_FOR_MS;
    return (restarting ? this.#eager : this.#patient).next();
  }

  /** Milliseconds until the dial of a tunnel whose replica has one already. */
  spare(): number {
    return this.#random() * SPARE_MS;
  }
}
