/**
 * The objects of a fake API server: versions, uids, generations, history for
 * watches, preconditions. What the real server does and tests rely on; no schemas,
 * no defaults, no admission, no garbage collection.
 */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { applyObject, mergePatch, type Json, type JsonObject, type Managers } from "./fake-apply.ts";

/** An object as it is stored and sent. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation: number;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly [field: string]: unknown;
}

/** A refusal, in the API server's words. */
export class FakeApiError extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Where an object is: `resource` is `group/plural`, with an empty group for the core. */
export interface FakePlace {
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** One write, as watches see it. */
export interface FakeEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly resource: string;
  readonly version: number;
  readonly object: StoredObject;
  /** The state before; a selector that no longer matches turns it into a deletion. */
  readonly previous?: StoredObject;
}

interface Entry {
  object: StoredObject;
  readonly managers: Managers;
}

export interface WriteOptions {
  /** Writes only the status. */
  readonly status?: boolean;
  /** Looks at what is about to be stored: may change it, or throw a FakeApiError. */
  readonly admit?: (object: JsonObject) => JsonObject;
}

interface CreateOptions extends WriteOptions {
  readonly managers?: Managers;
}

function asIs(object: JsonObject): JsonObject {
  return object;
}

function keyOf({ resource, namespace = "", name }: FakePlace): string {
  return `${resource}|${namespace}|${name}`;
}

export class FakeObjectStore {
  readonly #entries = new Map<string, Entry>();
  readonly #history: FakeEvent[] = [];
  readonly #listeners = new Set<(event: FakeEvent) => void>();
  #version = 1000;
  #oldest = 0;

  /** The newest version. */
  get version(): number {
    return this.#version;
  }

  /** Watches from versions below this one are refused. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Forgets the history, as etcd's compaction does. */
  compact(): void {
    this.#oldest = this.#version;
    this.#history.length = 0;
  }

  /** Calls back on each write, before the write returns. */
  subscribe(listener: (event: FakeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What happened after `version`. */
  since(resource: string, version: number): FakeEvent[] {
    return this.#history.filter((event) => event.resource === resource && event.version > version);
  }

  get(place: FakePlace): StoredObject | undefined {
    return this.#entries.get(keyOf(place))?.object;
  }

  list(resource: string, namespace: string | undefined): StoredObject[] {
    return [...this.#entries]
      .filter(([key]) => key.startsWith(`${resource}|${namespace === undefined ? "" : `${namespace}|`}`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, entry]) => entry.object);
  }

  /** Every object of every resource. */
  listAll(): StoredObject[] {
    return [...this.#entries.values()].map((entry) => entry.object);
  }

  create(place: FakePlace, draft: JsonObject, options: CreateOptions = {}): StoredObject {
    const { managers = new Map<string, JsonObject>(), admit = asIs } = options;
    if (this.get(place) !== undefined) {
      throw new FakeApiError(409, "AlreadyExists", `${place.resource} "${place.name}" already exists`);
    }
    const { status: _, ...rest } = draft;
    const object = this.#stamp({
      ...admit(rest),
      metadata: {
        ...(draft["metadata"] as JsonObject),
        name: place.name,
        ...(place.namespace === undefined ? {} : { namespace: place.namespace }),
        uid: randomUUID(),
        generation: 1,
        creationTimestamp: new Date().toISOString().replace(/\.\d{3}Z$/, "Z"),
      },
    });
    this.#entries.set(keyOf(place), { object, managers });
    this.#emit("ADDED", place.resource, object);
    return object;
  }

  replace(place: FakePlace, draft: JsonObject, options: WriteOptions = {}): StoredObject {
    const entry = this.#entry(place);
    const wanted = (draft["metadata"] as JsonObject | undefined)?.["resourceVersion"];
    if (wanted !== undefined && wanted !== entry.object.metadata.resourceVersion) {
      throw new FakeApiError(
        409,
        "Conflict",
        `Operation cannot be fulfilled on ${place.resource} "${place.name}": the object has been modified`,
      );
    }
    return this.#write(place, entry, draft, options);
  }

  patch(place: FakePlace, patch: Json, options: WriteOptions = {}): StoredObject {
    const entry = this.#entry(place);
    return this.replace(
      place,
      mergePatch(entry.object as unknown as JsonObject, patch) as JsonObject,
      options,
    );
  }

  apply(
    place: FakePlace,
    applied: JsonObject,
    manager: string,
    options: WriteOptions = {},
  ): { readonly object: StoredObject; readonly created: boolean } {
    const entry = this.#entries.get(keyOf(place));
    // Spec and status have managers of their own, as the real server's managedFields do.
    const owner = options.status === true ? `${manager} (status)` : manager;
    if (entry === undefined) {
      if (options.status === true) this.#entry(place);
      return {
        object: this.create(place, applied, { ...options, managers: new Map([[owner, applied]]) }),
        created: true,
      };
    }
    const merged = applyObject(entry.object as unknown as JsonObject, applied, owner, entry.managers);
    return { object: this.#write(place, entry, merged, options), created: false };
  }

  /** undefined when there is none. Finalizers keep the object, marked as being deleted. */
  delete(
    place: FakePlace,
    preconditions: { readonly uid?: string; readonly resourceVersion?: string } = {},
  ): StoredObject | undefined {
    const entry = this.#entries.get(keyOf(place));
    if (entry === undefined) return undefined;
    const { metadata } = entry.object;
    for (const field of ["uid", "resourceVersion"] as const) {
      const wanted = preconditions[field];
      if (wanted !== undefined && wanted !== metadata[field]) {
        throw new FakeApiError(
          409,
          "Conflict",
          `Precondition failed: ${field} in precondition: ${wanted}, in object: ${metadata[field]}`,
        );
      }
    }
    if ((metadata.finalizers ?? []).length > 0) {
      const deletionTimestamp = metadata.creationTimestamp;
      const marked = { ...entry.object, metadata: { ...metadata, deletionTimestamp } };
      return this.#write(place, entry, marked, {});
    }
    return this.#remove(place, entry.object);
  }

  #entry(place: FakePlace): Entry {
    const entry = this.#entries.get(keyOf(place));
    if (entry === undefined) {
      throw new FakeApiError(404, "NotFound", `${place.resource} "${place.name}" not found`);
    }
    return entry;
  }

  #write(place: FakePlace, entry: Entry, draft: JsonObject, options: WriteOptions): StoredObject {
    const { status, admit = asIs } = options;
    const previous = entry.object;
    const custom = place.resource.includes("teleport-access.io/");
    // With a status subresource the two ways of writing do not touch each other's half.
    const body = admit(
      status === true
        ? { ...(previous as unknown as JsonObject), status: draft["status"] ?? {} }
        : { ...draft, ...(custom ? statusOf(previous) : {}) },
    );
    const { uid, creationTimestamp, generation, resourceVersion } = previous.metadata;
    const metadata = { ...(body["metadata"] as JsonObject), uid, creationTimestamp };
    const same = isDeepStrictEqual(
      { ...body, metadata: { ...metadata, resourceVersion, generation } },
      { ...previous },
    );
    if (same) return previous;
    const next = isDeepStrictEqual(body["spec"], previous["spec"]) ? generation : generation + 1;
    entry.object = this.#stamp({ ...body, metadata: { ...metadata, generation: next } });
    const { deletionTimestamp, finalizers = [] } = entry.object.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) return this.#remove(place, entry.object);
    this.#emit("MODIFIED", place.resource, entry.object, previous);
    return entry.object;
  }

  #remove(place: FakePlace, object: StoredObject): StoredObject {
    this.#entries.delete(keyOf(place));
    const last = this.#stamp(object as unknown as JsonObject);
    this.#emit("DELETED", place.resource, last, object);
    return last;
  }

  #stamp(object: JsonObject): StoredObject {
    const metadata = { ...(object["metadata"] as JsonObject), resourceVersion: String(++this.#version) };
    return { ...object, metadata } as unknown as StoredObject;
  }

  #emit(type: FakeEvent["type"], resource: string, object: StoredObject, previous?: StoredObject): void {
    const event = {
      type,
      resource,
      version: this.#version,
      object,
      ...(previous === undefined ? {} : { previous }),
    };
    this.#history.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

function statusOf(object: StoredObject): JsonObject {
  return object["status"] === undefined ? {} : { status: object["status"] as Json };
}
