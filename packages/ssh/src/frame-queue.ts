/**
 * What waits for room on the other side of a relay, in order: bytes of the data
 * stream and of extended data, and steps that are due after the bytes before them.
 *
 * A peer that alternates between streams with every byte must not cost a record
 * for each: beyond MAX_RUNS its bytes join the last run of their stream, and only
 * the order between the two streams, which nobody relies on, becomes coarser.
 */
import { ByteQueue } from "./byte-queue.ts";

const MAX_RUNS = 256;

interface Run {
  readonly extended: number;
  length: number;
}

interface Step {
  readonly step: () => void;
}

/** The bytes at the front, as they lie together. */
export interface Front {
  readonly data: Buffer;
  readonly extended: number;
}

export class FrameQueue {
  readonly #runs: (Run | Step)[] = [];
  readonly #bytes = new Map<number, ByteQueue>();

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#runs.length === 0;
  }

  push(data: Buffer, extended: number): void {
    if (data.length === 0) return;
    this.#stream(extended).push(data);
    const run = this.#runFor(extended);
    if (run === undefined) this.#runs.push({ extended, length: data.length });
    else run.length += data.length;
  }

  /** The run that more bytes of a stream belong to, if there is one. */
  #runFor(extended: number): Run | undefined {
    const last = this.#runs.at(-1);
    if (last !== undefined && "extended" in last && last.extended === extended) return last;
    if (this.#runs.length < MAX_RUNS) return undefined;
    return this.#runs.findLast((run): run is Run => "extended" in run && run.extended === extended);
  }

  #stream(extended: number): ByteQueue {
    const known = this.#bytes.get(extended);
    if (known !== undefined) return known;
    const made = new ByteQueue();
    this.#bytes.set(extended, made);
    return made;
  }

  /** Something to do once everything before it has left. */
  then(step: () => void): void {
    this.#runs.push({ step });
  }

  /** Takes the steps that are due. */
  takeSteps(): readonly (() => void)[] {
    const due = this.#runs.findIndex((run) => "extended" in run);
    const taken = this.#runs.splice(0, due < 0 ? this.#runs.length : due);
    return taken.flatMap((run) => ("step" in run ? [run.step] : []));
  }

  /** Undefined when no bytes are at the front. */
  peek(): Front | undefined {
    const [run] = this.#runs;
    if (run === undefined || "step" in run) return undefined;
    const data = this.#stream(run.extended).peek();
    if (data === undefined) return undefined;
    return { data: data.length > run.length ? data.subarray(0, run.length) : data, extended: run.extended };
  }

  /** Drops `count` bytes of what `peek` returned. */
  skip(count: number): void {
    const [run] = this.#runs;
    if (run === undefined || "step" in run) return;
    this.#stream(run.extended).skip(count);
    run.length -= count;
    if (run.length === 0) this.#runs.shift();
  }

  clear(): void {
    this.#runs.length = 0;
    this.#bytes.clear();
  }
}
