/**
 * One open watch at the fake API server, and what a test can do to it.
 */
import type { ServerResponse } from "node:http";
import type { FakeEvent, StoredObject } from "./fake-object-store.ts";

export interface FakeStreamScope {
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly query: URLSearchParams;
}

export class FakeStream {
  readonly query: URLSearchParams;
  readonly plural: string;
  readonly #response: ServerResponse;
  readonly #scope: FakeStreamScope;
  #muted = false;

  constructor(response: ServerResponse, scope: FakeStreamScope) {
    this.#response = response;
    this.#scope = scope;
    this.query = scope.query;
    this.plural = scope.resource.split("/")[1] ?? "";
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
  }

  /** No event is sent any more, and the connection stays open: as when a peer is gone without a word. */
  mute(): void {
    this.#muted = true;
  }

  /** Sends bytes as they are, muted or not. */
  send(text: string): void {
    this.#response.write(text);
  }

  /** Sends a bookmark of a version. */
  bookmark(version: number): void {
    this.#sendEvent("BOOKMARK", { kind: "Bookmark", metadata: { resourceVersion: String(version) } });
  }

  /** Sends an ERROR event. */
  error(code: number, reason = "", message: string = reason): void {
    this.#sendEvent("ERROR", { kind: "Status", status: "Failure", code, reason, message });
  }

  /** Ends the stream in order, as when its time is up. */
  end(): void {
    this.#muted = true;
    this.#response.end();
  }

  /** Resets the connection. */
  reset(): void {
    this.#muted = true;
    this.#response.socket?.resetAndDestroy();
  }

  /** Sends what this watch is to see of a write. */
  deliver(event: FakeEvent): void {
    const { resource, namespace } = this.#scope;
    if (event.resource !== resource) return;
    if (namespace !== undefined && event.object.metadata.namespace !== namespace) return;
    const type = this.#typeFor(event);
    if (type !== undefined) this.#sendEvent(type, event.object);
  }

  /** A write may bring an object into a selector's view, or take it out. */
  #typeFor({ type, object, previous }: FakeEvent): string | undefined {
    const before = type !== "ADDED" && previous !== undefined && matchesSelectors(previous, this.query);
    const after = type !== "DELETED" && matchesSelectors(object, this.query);
    if (before) return after ? "MODIFIED" : "DELETED";
    return after ? "ADDED" : undefined;
  }

  #sendEvent(type: string, object: unknown): void {
    if (!this.#muted) this.send(`${JSON.stringify({ type, object })}\n`);
  }
}

/** Whether an object is within a query's labelSelector (`a=b,c`) and fieldSelector (`metadata.name=x`). */
export function matchesSelectors(object: StoredObject, query: URLSearchParams): boolean {
  const labels = terms(query.get("labelSelector"));
  const fields = terms(query.get("fieldSelector"));
  return (
    labels.every(([key, value]) =>
      value === undefined
        ? object.metadata.labels?.[key] !== undefined
        : object.metadata.labels?.[key] === value,
    ) && fields.every(([path, value]) => fieldAt(object, path) === value)
  );
}

function terms(selector: string | null): (readonly [string, string | undefined])[] {
  if (selector === null || selector === "") return [];
  return selector.split(",").map((term) => {
    const [key = "", value] = term.split(/==?/);
    return [key, value] as const;
  });
}

function fieldAt(object: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
}
