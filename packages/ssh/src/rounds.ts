/**
 * Looks after many connections with one timer. Each of them is looked at once a period; the period is cut
 * into ticks, and each tick has its share of them, so that ten thousand connections neither wake the
 * process one by one nor make it look at all of them at once.
 */
import type { Clock, Timer } from "@teleport-access/daemon";

/** Shares of a period. Half a second then has ticks of 25 ms, and ten thousand tunnels thirty questions in each. */
const SHARES = 20;

type Look = () => void;

/** Everybody who is looked at with one period. */
class Round {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #shares: readonly Set<Look>[] = Array.from({ length: SHARES }, () => new Set<Look>());
  #size = 0;
  /** The share that was looked at last. */
  #last = 0;
  #due = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, periodMs: number) {
    this.#clock = clock;
    this.#periodMs = periodMs;
  }

  /** The first look comes after a whole period, or a tick less. */
  join(look: Look): () => void {
    const share = this.#shares[this.#last];
    if (this.#timer === undefined) this.#start();
    share?.add(look);
    this.#size += 1;
    return () => {
      if (share?.delete(look) !== true) return;
      this.#size -= 1;
      if (this.#size === 0) this.#stop();
    };
  }

  get #tickMs(): number {
    return this.#periodMs / SHARES;
  }

  #start(): void {
    this.#due = this.#clock.monotonic();
    this.#arm();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#due += this.#tickMs;
    this.#timer = this.#clock.setTimer(Math.max(0, this.#due - this.#clock.monotonic()), () => {
      this.#tick();
    });
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    if (now - this.#due < this.#periodMs) {
      this.#turn();
      return;
    }
    // So late that the process was suspended: what was missed is not made up for, and what
    // has come meanwhile is read before anybody is judged.
    this.#due = now;
    this.#timer = this.#clock.setTimer(0, () => {
      this.#turn();
    });
  }

  #turn(): void {
    this.#last = (this.#last + 1) % SHARES;
    this.#arm();
    const share = this.#shares[this.#last];
    // A copy: whoever joins meanwhile has its first look later, whoever has left has none.
    for (const look of [...(share ?? [])]) if (share?.has(look) === true) look();
  }
}

const rounds = new WeakMap<Clock, Map<number, Round>>();

/** Calls `look` once every `periodMs`, on average, until what is returned is called. */
export function lookEvery(periodMs: number, look: () => void, clock: Clock): () => void {
  const known = rounds.get(clock) ?? new Map<number, Round>();
  rounds.set(clock, known);
  const round = known.get(periodMs) ?? new Round(clock, periodMs);
  known.set(periodMs, round);
  return round.join(look);
}
