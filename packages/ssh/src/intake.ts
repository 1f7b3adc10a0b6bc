/**
 * What a connection has read and not handled yet. Mostly nothing: a chunk is
 * handled as it comes, in the memory it was read into. It is kept when it comes
 * while ssh2 is in the middle of something, and during a pause.
 *
 * TCP never answers inside our own write, but a stream in memory may: what it says
 * then is read afterwards.
 */
import type { Wire } from "./wire.ts";

export class Intake {
  readonly #wire: Pick<Wire, "pause" | "resume">;
  readonly #handle: (chunk: Buffer) => void;
  /** How deep we are inside ssh2. */
  #depth = 0;
  #paused = false;
  readonly #kept: Buffer[] = [];
  /** Whether what is being handled was kept: its memory is ours. */
  #ours = false;

  constructor(wire: Pick<Wire, "pause" | "resume">, handle: (chunk: Buffer) => void) {
    this.#wire = wire;
    this.#handle = handle;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Runs `step`, which enters ssh2; what arrives meanwhile is handled after it. */
  guarded(step: () => void): void {
    this.enter();
    try {
      step();
    } finally {
      this.leave();
    }
  }

  enter(): void {
    this.#depth += 1;
  }

  leave(): void {
    this.#depth -= 1;
    if (this.#depth > 0 || this.#paused || this.#kept.length === 0) return;
    setImmediate(() => {
      this.handleKept();
    });
  }

  /** A chunk has been read. It is only there for the length of the call. */
  read(chunk: Buffer): void {
    if (this.#depth > 0 || this.#paused || this.#kept.length > 0) this.#kept.push(Buffer.from(chunk));
    else this.#handle(chunk);
  }

  /** The end of the chunk that is being handled waits for the end of a pause. */
  rest(bytes: Buffer): void {
    this.#kept.unshift(this.#ours ? bytes : Buffer.from(bytes));
  }

  handleKept(): void {
    while (!this.#paused) {
      const chunk = this.#kept.shift();
      if (chunk === undefined) return;
      this.#ours = true;
      try {
        this.#handle(chunk);
      } finally {
        this.#ours = false;
      }
    }
  }

  /**
   * Nothing further is handled until `resume`, not even of what has been read. So nothing asks for a second pause
   * meanwhile, which the end of the first would cut short.
   */
  pause(): void {
    this.#paused = true;
    this.#wire.pause();
  }

  resume(): void {
    this.#paused = false;
    this.handleKept();
    // The first of what was kept may have brought the next pause.
    if (!this.paused) this.#wire.resume();
  }
}
