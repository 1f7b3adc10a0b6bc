/** Channels that we asked the peer for and that it has not answered yet. */
import type { Channel } from "./channel.ts";
import { SshError } from "./errors.ts";

export interface Opening {
  readonly type: string;
  /** Called while the confirmation is handled: data may follow in the very next message. */
  readonly resolve: (channel: Channel) => void;
  readonly reject: (error: SshError) => void;
}

interface Waiting extends Opening {
  readonly timer: NodeJS.Timeout;
}

function closeAtOnce(channel: Channel): void {
  channel.sendClose();
}

function ignore(): void {
  // Nobody waits for this any more.
}

/** By our number of the channel. */
export class Openings {
  readonly #waiting = new Map<number, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  has(id: number): boolean {
    return this.#waiting.has(id);
  }

  /** After `timeoutMs` without an answer it is rejected. Its number stays taken: a late answer is closed again. */
  add(id: number, opening: Opening, timeoutMs: number): void {
    const timer = setTimeout(() => {
      this.#waiting.set(id, { type: opening.type, resolve: closeAtOnce, reject: ignore, timer });
      opening.reject(
        new SshError("SSH_TIMEOUT", `no answer to a ${opening.type} channel within ${timeoutMs} ms`),
      );
    }, timeoutMs);
    timer.unref();
    this.#waiting.set(id, { ...opening, timer });
  }

  /** The one that an answer is for. @throws SshError when there is none: the peer broke the protocol. */
  take(id: number): Opening {
    const opening = this.#waiting.get(id);
    if (opening === undefined) throw new SshError("SSH_PROTOCOL", "answer to a channel that was not opened");
    clearTimeout(opening.timer);
    this.#waiting.delete(id);
    return opening;
  }

  /** The connection is gone. */
  cut(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const opening of waiting) {
      clearTimeout(opening.timer);
      opening.reject(
        new SshError("SSH_CONNECTION_CLOSED", "the connection ended while a channel was opened"),
      );
    }
  }
}
