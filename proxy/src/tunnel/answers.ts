/**
 * Whether the agent at the other end of a tunnel answers when it is asked to dial. Its connection being alive says
 * nothing about that, and a tunnel in which nothing comes about looks the least busy of all.
 */

/** An agent answers in a second, however far it is, unless what it dials is silent: then others are asked as well. */
export const PATIENCE_MS = 2_000;

/** After this long a tunnel that people still use is tried again. */
const FORGIVEN_MS = 60_000;

/** Dials that may wait in a tunnel where one was never answered: more would only keep people waiting. */
const MAX_WAITING_IN_VAIN = 16;

export class Answers {
  readonly #now: () => number;
  #waiting = 0;
  /** Something was asked then, and nothing was answered since. */
  #silentSince: number | undefined;
  /** A dial was never answered, and an agent gives up on a target long before we do: it is the agent that is silent. */
  #missed = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Dials that were neither answered nor given up. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether another tunnel is the better choice. */
  get silent(): boolean {
    const age = this.#age();
    return age > PATIENCE_MS && !(this.#waiting === 0 && age > FORGIVEN_MS);
  }

  /** Whether asking again makes no sense. */
  get hopeless(): boolean {
    return this.#missed && this.#waiting >= MAX_WAITING_IN_VAIN;
  }

  asked(): void {
    if (this.#waiting === 0 && !this.silent) this.#silentSince = this.#now();
    this.#waiting += 1;
  }

  /** It was opened or refused: the agent is there. */
  answered(): void {
    this.#waiting -= 1;
    this.#missed = false;
    this.#silentSince = this.#waiting === 0 ? undefined : this.#now();
  }

  /** Nothing came in the time that we give. */
  missed(): void {
    this.#waiting -= 1;
    this.#missed = true;
  }

  /** It did not get as far as the agent. */
  withdrawn(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0 && !this.#missed) this.#silentSince = undefined;
  }

  #age(): number {
    return this.#silentSince === undefined ? 0 : this.#now() - this.#silentSince;
  }
}
