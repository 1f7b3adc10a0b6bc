/**
 * Keys that need work: each at most once in the queue, never at two workers at
 * the same time, and again later when it failed. A key added while it is worked on
 * is worked on once more afterwards, so the last state is always seen.
 */
import { createBackoff, systemClock } from "@teleport-access/daemon";
import type { Backoff, Clock, Timer } from "@teleport-access/daemon";

/** Something changed, or it is only time to look again; what changed goes first. */
export type Urgency = "changed" | "resync";

export interface WorkQueueOptions {
  readonly clock?: Clock;
  readonly random?: () => number;
  /** First and longest wait of a failing key. @default 50 ms and 60 s */
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number };
}

export interface WorkQueue {
  /** Queues a key, unless it is queued already. */
  add(key: string, urgency?: Urgency): void;
  /** Queues a key later; an earlier moment replaces a later one. */
  addAfter(key: string, ms: number): void;
  /** Queues a key after its own back-off. */
  retry(key: string): void;
  /** The key succeeded: its back-off starts over. */
  forget(key: string): void;
  /** The next key, when there is one; undefined once the queue is closed. */
  take(): Promise<string | undefined>;
  /** The worker that took the key has finished with it. */
  done(key: string): void;
  /** Keys that wait now, not counting those for later. */
  readonly length: number;
  /** Ends all `take`s; nothing is handed out any more. */
  close(): void;
}

const DEFAULT_BACKOFF = { initialMs: 50, maxMs: 60_000 };

interface Delayed {
  readonly at: number;
  readonly timer: Timer;
}

/** Makes an empty queue. */
export function createWorkQueue(options: WorkQueueOptions = {}): WorkQueue {
  return new KeyQueue(options);
}

class KeyQueue implements WorkQueue {
  readonly #clock: Clock;
  readonly #newBackoff: () => Backoff;
  /** Insertion order is the order of work. */
  readonly #changed = new Set<string>();
  readonly #resync = new Set<string>();
  readonly #working = new Set<string>();
  /** Added while being worked on. */
  readonly #dirty = new Map<string, Urgency>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor({ clock = systemClock, random = Math.random, backoff = DEFAULT_BACKOFF }: WorkQueueOptions) {
    this.#clock = clock;
    this.#newBackoff = () => createBackoff({ ...backoff, random });
  }

  get length(): number {
    return this.#changed.size + this.#resync.size;
  }

  add(key: string, urgency: Urgency = "changed"): void {
    if (this.#closed) return;
    if (this.#working.has(key)) {
      if (this.#dirty.get(key) !== "changed") this.#dirty.set(key, urgency);
      return;
    }
    if (urgency === "changed") {
      this.#resync.delete(key);
      this.#changed.add(key);
    } else if (!this.#changed.has(key)) this.#resync.add(key);
    this.#hand();
  }

  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    const at = this.#clock.monotonic() + ms;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined && waiting.at <= at) return;
    waiting?.timer.cancel();
    const timer = this.#clock.setTimer(ms, () => {
      this.#delayed.delete(key);
      this.add(key, "resync");
    });
    this.#delayed.set(key, { at, timer });
  }

  retry(key: string): void {
    const backoff = this.#backoffs.get(key) ?? this.#newBackoff();
    this.#backoffs.set(key, backoff);
    this.addAfter(key, backoff.next());
  }

  forget(key: string): void {
    this.#backoffs.delete(key);
  }

  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#hand();
    });
  }

  done(key: string): void {
    this.#working.delete(key);
    const urgency = this.#dirty.get(key);
    if (urgency === undefined) return;
    this.#dirty.delete(key);
    this.add(key, urgency);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#changed.clear();
    this.#resync.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #hand(): void {
    if (this.#takers.length === 0) return;
    const queue = this.#changed.size > 0 ? this.#changed : this.#resync;
    const [key] = queue;
    if (key === undefined) return;
    queue.delete(key);
    this.#working.add(key);
    this.#takers.shift()?.(key);
  }
}
