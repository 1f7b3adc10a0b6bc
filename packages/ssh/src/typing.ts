/**
 * Whether somebody types on a connection. While somebody does, copies beside it
 * keep less in flight (receive-window.ts): what is in flight lies in front of each
 * keystroke and its echo, in buffers that no order of ours reaches.
 *
 * A channel is typed in when little moves, in both directions together: what
 * answers a copy is as small as a keystroke, but its channel carries the copy.
 */
import { LIGHT_BURST_BYTES, TYPED_AFTER_MS, TYPING_MS } from "./limits.ts";
import { Load } from "./load.ts";

/** One connection's. */
export class Typing {
  #seenAt = -Infinity;

  seen(now: number): void {
    this.#seenAt = now;
  }

  /** Whether keys came, or echoes, a moment ago. */
  active(now: number): boolean {
    return now - this.#seenAt < TYPING_MS;
  }
}

/** One channel's part in it. */
export class Typist {
  readonly #typing: Typing;
  readonly #since: number;
  readonly #load: Load;

  constructor(typing: Typing, now: number) {
    this.#typing = typing;
    this.#since = now;
    this.#load = new Load(now);
  }

  sent(count: number): void {
    this.#load.add(count);
  }

  received(count: number, now: number): void {
    const light = this.#load.light(count + LIGHT_BURST_BYTES / 2, now);
    this.#load.add(count);
    // A copy begins with a login, which is as light as typing.
    if (light && now - this.#since >= TYPED_AFTER_MS) this.#typing.seen(now);
  }
}
