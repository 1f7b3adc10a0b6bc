/**
 * Keeps a live copy of a resource: list, then watch, for as long as the program
 * runs, whatever the network and the API server do. Revocation stands on this, so:
 *
 * - a change is delivered in the same turn of the event loop in which its line arrives;
 * - after a list, deletions are delivered before additions, and objects are told apart by uid;
 * - no error ends the watch, and none is skipped: each leads to a new watch from the last
 *   version, or to a new list when the server no longer knows that version;
 * - silence proves nothing (a quiet resource gets no bookmarks), so a watch that must be
 *   fresh is opened again from its last version after half of the allowed staleness.
 */
import { createBackoff, errorFields, systemClock } from "@teleport-access/daemon";
import type { Backoff, BackoffOptions, Clock, Logger, Timer } from "@teleport-access/daemon";
import type { KubeObject } from "@teleport-access/crd";
import { errorOfAnswer, selectorQuery, type KubeClient, type ListOptions } from "./client.ts";
import { isKubeError, KubeError } from "./errors.ts";
import { ObjectStore, type Change } from "./object-store.ts";
import { describePlace, pathOf, type ResourceRef } from "./resources.ts";
import type { StreamHandlers } from "./transport.ts";
import { LineSplitter, parseWatchLine, type WatchEvent } from "./watch-stream.ts";

export interface WatchOptions<T extends KubeObject> extends ListOptions {
  /**
   * For how long the copy may be used without proof that it is current. Makes the
   * watch prove itself twice in that time, and hurry after errors. Absent: no such need.
   */
  readonly maxStalenessMs?: number;
  /** @default 25 ms, up to 1 s with maxStalenessMs and 5 s without */
  readonly backoff?: Omit<BackoffOptions, "random">;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** All changes of one step, synchronously, after the store has them. What it throws is logged. */
  onChange?(changes: readonly Change<T>[]): void;
  /** Once, after the first list was delivered. */
  onSync?(): void;
  /** The copy is known to be what the API server had at `now` (milliseconds since 1970). */
  onProof?(now: number): void;
}

/** A running watch. */
export interface Watch<T> {
  /** By `namespace/name`. Read it again after each change; do not copy it. */
  readonly store: ReadonlyMap<string, T>;
  /** Whether the first list was delivered. */
  readonly synced: boolean;
  /** When the copy was last proved current, in milliseconds since 1970; 0 before the first list. */
  readonly lastProof: number;
  /** Ends the watch; nothing is delivered any more. */
  close(): void;
}

const LIST_TIMEOUT_MS = 30_000;
/** How long the server may take to accept a watch. */
const OPEN_TIMEOUT_MS = 10_000;
/** The server ends each watch after a random time in this range, so that watches spread over API servers. */
const MIN_WATCH_SECONDS = 290;
const MAX_WATCH_SECONDS = 580;
/** A watch that says nothing for so long after the server should have ended it is dead. */
const OVERTIME_MS = 15_000;
/** A stream that lived for so long was a good one: the next failure starts a new series. */
const GOOD_LIFE_MS = 5_000;
/** Longest wait that a Retry-After is obeyed for. */
const MAX_RETRY_AFTER_MS = 10_000;

/** Starts to watch. Nothing fails here: errors are logged and overcome. */
export function watchResource<T extends KubeObject>(
  client: KubeClient,
  ref: ResourceRef<T>,
  options: WatchOptions<T>,
): Watch<T> {
  const reflector = new Reflector(client, ref, options);
  reflector.start();
  return reflector;
}

class Reflector<T extends KubeObject> implements Watch<T> {
  readonly #client: KubeClient;
  readonly #ref: ResourceRef<T>;
  readonly #options: WatchOptions<T>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #log: Logger;
  readonly #what: string;
  readonly #objects = new ObjectStore<T>();
  readonly #closed = new AbortController();
  /** The version up to which the store is complete; undefined means: list. */
  #version: string | undefined;
  #synced = false;
  #lastProof = 0;
  #stream: { close(): void } | undefined;
  /** Counts streams opened and given up; a handler of an earlier one is not listened to. */
  #attempt = 0;
  #timer: Timer | undefined;
  /** When the server accepted the current stream (monotonic). */
  #openedAt: number | undefined;
  /** Codes of the failures since the last good stream, so that each is logged once. */
  readonly #series = new Set<string>();

  constructor(client: KubeClient, ref: ResourceRef<T>, options: WatchOptions<T>) {
    this.#client = client;
    this.#ref = ref;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    const defaults = { initialMs: 25, maxMs: options.maxStalenessMs === undefined ? 5_000 : 1_000 };
    this.#backoff = createBackoff({ ...(options.backoff ?? defaults), random: this.#random });
    this.#what = `watch ${describePlace(ref, { namespace: options.namespace })}`;
    this.#log = options.log;
  }

  get store(): ReadonlyMap<string, T> {
    return this.#objects.objects;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get lastProof(): number {
    return this.#lastProof;
  }

  start(): void {
    void this.#list();
  }

  close(): void {
    this.#closed.abort();
    this.#timer?.cancel();
    this.#stream?.close();
  }

  get #over(): boolean {
    return this.#closed.signal.aborted;
  }

  /** Never rejects. */
  async #list(): Promise<void> {
    // The list shows a state after it was asked for; when it arrives that may be long ago.
    const askedAt = this.#clock.now();
    try {
      const call = { signal: this.#closed.signal, timeoutMs: LIST_TIMEOUT_MS };
      const { items, resourceVersion } = await this.#client.list(this.#ref, this.#options, call);
      if (this.#over) return;
      this.#version = resourceVersion;
      this.#deliver(this.#objects.replaceAll(items.map(withoutManagedFields)));
      this.#prove(askedAt);
      if (!this.#synced) {
        this.#synced = true;
        this.#guard(() => this.#options.onSync?.());
      }
      this.#open();
    } catch (error) {
      this.#failed(error);
    }
  }

  #open(): void {
    if (this.#over) return;
    const options = this.#options;
    const seconds = Math.round(MIN_WATCH_SECONDS + this.#random() * (MAX_WATCH_SECONDS - MIN_WATCH_SECONDS));
    const query = selectorQuery(options);
    query.set("watch", "true");
    query.set("allowWatchBookmarks", "true");
    query.set("timeoutSeconds", String(seconds));
    query.set("resourceVersion", this.#version ?? "");
    const path = `${pathOf(this.#ref, { namespace: options.namespace })}?${query.toString()}`;
    const silence =
      options.maxStalenessMs === undefined ? seconds * 1000 + OVERTIME_MS : options.maxStalenessMs / 2;
    const timeoutMs = Math.min(OPEN_TIMEOUT_MS, silence);
    this.#stream = this.#client.stream(path, this.#what, this.#handlers(silence), timeoutMs);
  }

  #handlers(silenceMs: number): StreamHandlers {
    const attempt = ++this.#attempt;
    const splitter = new LineSplitter();
    const askedAt = this.#clock.now();
    this.#openedAt = undefined;
    return {
      open: () => {
        if (!this.#isCurrent(attempt)) return;
        this.#openedAt = this.#clock.monotonic();
        this.#awaitWord(silenceMs);
        this.#prove(askedAt);
      },
      data: (chunk) => {
        if (!this.#isCurrent(attempt)) return;
        this.#awaitWord(silenceMs);
        this.#take(splitter, chunk);
      },
      end: ({ failure, answer }) => {
        if (!this.#isCurrent(attempt)) return;
        this.#timer?.cancel();
        this.#judgeLife();
        if (answer !== undefined) this.#failed(errorOfAnswer(answer, this.#what));
        else if (failure !== undefined) this.#failed(failure);
        else this.#ended();
      },
    };
  }

  /** Whether a stream's word still counts: not after close, and not once it was given up. */
  #isCurrent(attempt: number): boolean {
    return !this.#over && attempt === this.#attempt;
  }

  /** Handles the lines that a chunk completes: those before a bad one count. */
  #take(splitter: LineSplitter, chunk: Buffer): void {
    const changes: Change<T>[] = [];
    let lines = 0;
    let failure: unknown;
    try {
      for (const line of splitter.push(chunk)) {
        changes.push(...this.#apply(parseWatchLine<T>(line, this.#what)));
        lines++;
      }
    } catch (error) {
      failure = error;
    }
    if (lines > 0) {
      this.#good();
      this.#deliver(changes);
      this.#prove(this.#clock.now());
    }
    if (failure !== undefined) this.#failed(failure);
  }

  #apply(event: WatchEvent<T>): Change<T>[] {
    if (event.type === "BOOKMARK") {
      this.#version = event.resourceVersion;
      return [];
    }
    const object = withoutManagedFields(event.object);
    this.#version = object.metadata.resourceVersion;
    return event.type === "DELETED" ? this.#objects.remove(object) : this.#objects.put(object);
  }

  /** The server ended the watch in order: its time was up, or it is shutting down. */
  #ended(): void {
    // One that ends streams as soon as it has opened them must not make us spin.
    if (this.#series.size === 0) {
      this.#series.add("ended");
      this.#open();
    } else this.#again(this.#backoff.next());
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    this.#leave();
    const code = error instanceof KubeError ? error.code : "KUBE_PROTOCOL";
    const first = !this.#series.has(code);
    this.#series.add(code);
    const fields = { watch: this.#what, ...errorFields(error) };
    if (isKubeError(error, "KUBE_EXPIRED")) {
      this.#version = undefined;
      this.#log.info("watch version expired, listing again", fields);
      this.#again(first ? 0 : this.#backoff.next());
      return;
    }
    this.#log[first ? "warn" : "debug"]("watch interrupted", fields);
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    this.#again(Math.max(this.#backoff.next(), Math.min(asked, MAX_RETRY_AFTER_MS)));
  }

  /** Gives the current stream up. */
  #leave(): void {
    this.#attempt++;
    this.#stream?.close();
    this.#stream = undefined;
  }

  #again(delayMs: number): void {
    const next = (): void => {
      if (this.#version === undefined) void this.#list();
      else this.#open();
    };
    this.#timer?.cancel();
    if (delayMs === 0) next();
    else this.#timer = this.#clock.setTimer(delayMs, next);
  }

  #judgeLife(): void {
    if (this.#openedAt === undefined) return;
    if (this.#clock.monotonic() - this.#openedAt >= GOOD_LIFE_MS) this.#good();
  }

  #good(): void {
    if (this.#series.size > 0) this.#log.debug("watch works again", { watch: this.#what });
    this.#series.clear();
    this.#backoff.reset();
  }

  /** Opens the watch again when nothing is heard for so long. */
  #awaitWord(silenceMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(silenceMs, () => {
      this.#leave();
      this.#judgeLife();
      this.#open();
    });
  }

  #prove(now: number): void {
    this.#lastProof = Math.max(this.#lastProof, now);
    this.#guard(() => this.#options.onProof?.(now));
  }

  #deliver(changes: readonly Change<T>[]): void {
    if (changes.length > 0) this.#guard(() => this.#options.onChange?.(changes));
  }

  /** A handler that throws must not stop the handlers of later changes. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error("watch handler failed", { watch: this.#what, ...errorFields(error) });
    }
  }
}

/** Who set which field is half of an object's size, and nobody here asks. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
