/**
 * Channels that wait for room on the socket. Light ones carry keystrokes (load.ts) and go first; the
 * others take turns, the one served going to the back.
 */
import type { Channel } from "./channel.ts";

export class SendQueue {
  readonly #light: Channel[] = [];
  readonly #heavy: Channel[] = [];

  get empty(): boolean {
    return this.#light.length === 0 && this.#heavy.length === 0;
  }

  add(channel: Channel, light: boolean): void {
    (light ? this.#light : this.#heavy).push(channel);
  }

  /** Gives turns for as long as there is room. */
  serve(hasRoom: () => boolean): void {
    while (hasRoom()) {
      const channel = this.#light.shift() ?? this.#heavy.shift();
      if (channel === undefined) return;
      channel.resume();
    }
  }

  clear(): void {
    this.#light.length = 0;
    this.#heavy.length = 0;
  }
}
