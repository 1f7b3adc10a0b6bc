/**
 * An API server in this process, for tests of everything that talks to one: real
 * HTTP, objects in memory, watches, and the ways in which servers fail. Strict about
 * versions, preconditions and the schemas of our kinds; what it leaves out stands in
 * fake-object-store.ts and fake-apply.ts.
 */
import { EventEmitter, once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { FakeApiError, FakeObjectStore, type FakePlace, type StoredObject } from "./fake-object-store.ts";
import type { Json, JsonObject } from "./fake-apply.ts";
import { admitted, refuseUnknownFields } from "./fake-admission.ts";
import {
  fits,
  inflict,
  sendJson,
  sendStatus,
  type FakeFault,
  type FaultMatch,
  type RecordedRequest,
} from "./fake-answers.ts";
import { FakeStream, matchesSelectors } from "./fake-stream.ts";

export interface FakeApiServerOptions {
  /** Serves https with this key and certificate. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** A bearer token that requests must carry; others get 401. */
  readonly token?: string;
}

interface Fault {
  readonly fault: FakeFault;
  readonly match: FaultMatch;
  left: number;
}

/** What an object in a test must have. */
interface ObjectLike {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
}

const PATH =
  /^\/(?:api\/v1|apis\/(?<group>[^/]+)\/[^/]+)(?:\/namespaces\/(?<ns>[^/]+))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>[^/]+))?$/;

interface ParsedPath {
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

function parsePath(path: string): ParsedPath {
  const parts = PATH.exec(path)?.groups;
  if (parts === undefined) throw new FakeApiError(404, "NotFound", `no path ${path}`);
  const [namespace, name] = [parts["ns"], parts["name"]].map((part) =>
    part === undefined ? undefined : decodeURIComponent(part),
  );
  const resource = `${parts["group"] ?? ""}/${parts["plural"] ?? ""}`;
  return { resource, namespace, name, subresource: parts["sub"] };
}

/** `UserAccess` -> `useraccesses`; right for every kind that we use. */
function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (/[^aeiou]y$/.test(word)) return word.replace(/y$/, "ies");
  return /[sx]$/.test(word) ? `${word}es` : `${word}s`;
}

/** The place of an object by its own fields. */
export function placeOfObject({ apiVersion = "v1", kind = "", metadata }: ObjectLike): FakePlace {
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  return { resource: `${group}/${pluralOf(kind)}`, namespace: metadata.namespace, name: metadata.name };
}

export class FakeApiServer {
  /** Every request, in the order of arrival. */
  readonly requests: RecordedRequest[] = [];
  readonly objects: FakeObjectStore = new FakeObjectStore();
  readonly #server: http.Server;
  readonly #options: FakeApiServerOptions;
  readonly #faults: Fault[] = [];
  readonly #streams = new Set<FakeStream>();
  readonly #events = new EventEmitter();

  constructor(options: FakeApiServerOptions = {}) {
    this.#options = options;
    this.#server = options.tls === undefined ? http.createServer() : https.createServer(options.tls);
    this.#server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      void this.#handle(request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
  }

  /** Starts one on a free port of the loopback. */
  static async start(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
    const server = new FakeApiServer(options);
    await server.listen(0);
    return server;
  }

  /** Listens; after close(), again on the same port if it is given. */
  async listen(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://127.0.0.1:${this.port}`;
  }

  /** Refuses connections and breaks those that are open; objects stay. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Creates or replaces an object, status included. Not checked and without
   * defaults, so that a test can store what an older version left behind.
   */
  set(object: ObjectLike): StoredObject {
    const place = placeOfObject(object);
    const draft = structuredClone(object) as unknown as JsonObject;
    const { resourceVersion: _, ...metadata } = draft["metadata"] as Record<string, Json>;
    const body = { ...draft, metadata };
    const stored =
      this.objects.get(place) === undefined
        ? this.objects.create(place, body)
        : this.objects.replace(place, body);
    return draft["status"] === undefined ? stored : this.objects.replace(place, body, { status: true });
  }

  /** Deletes an object. */
  remove(object: ObjectLike): void {
    this.objects.delete(placeOfObject(object));
  }

  /** The stored object, if there is one. */
  get(kind: string, namespace: string | undefined, name: string): StoredObject | undefined {
    return this.all(kind).find(
      ({ metadata }) => metadata.name === name && (namespace ?? "") === (metadata.namespace ?? ""),
    );
  }

  /** All objects of a kind, whatever its group. */
  all(kind: string): StoredObject[] {
    return this.objects.listAll().filter((object) => object.kind === kind);
  }

  /** Makes the next `times` requests that match fail. */
  fail(fault: FakeFault, match: FaultMatch = {}, times = 1): void {
    this.#faults.push({ fault, match, left: times });
  }

  /** Calls back with each new connection. */
  onConnection(listener: (socket: Socket) => void): void {
    this.#server.on("connection", listener);
  }

  /** The open watches, oldest first; of one plural when given. */
  streams(plural?: string): FakeStream[] {
    return [...this.#streams].filter((stream) => plural === undefined || stream.plural === plural);
  }

  /** Resolves with the next watch that is opened (of that plural). */
  async nextStream(plural?: string): Promise<FakeStream> {
    for (;;) {
      const [stream] = (await once(this.#events, "stream")) as [FakeStream];
      if (plural === undefined || stream.plural === plural) return stream;
    }
  }

  /** Resolves with the next request that matches. */
  async nextRequest(match: FaultMatch = {}): Promise<RecordedRequest> {
    for (;;) {
      const [request] = (await once(this.#events, "request")) as [RecordedRequest];
      if (fits(match, request)) return request;
    }
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const recorded: RecordedRequest = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text === "" ? undefined : (JSON.parse(text) as Json),
    };
    this.requests.push(recorded);
    this.#events.emit("request", recorded);
    const fault = this.#takeFault(recorded);
    if (fault !== undefined) {
      inflict(fault, request, response);
      return;
    }
    try {
      this.#answer(recorded, response);
    } catch (error) {
      if (!(error instanceof FakeApiError)) throw error;
      sendStatus(response, { status: error.status, reason: error.reason, message: error.message });
    }
  }

  #takeFault(request: RecordedRequest): FakeFault | undefined {
    const found = this.#faults.find(({ match, left }) => left > 0 && fits(match, request));
    if (found === undefined) return undefined;
    found.left--;
    return found.fault;
  }

  #answer(request: RecordedRequest, response: http.ServerResponse): void {
    const { token } = this.#options;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      throw new FakeApiError(401, "Unauthorized", "Unauthorized");
    }
    const { resource, namespace, name, subresource } = parsePath(request.path);
    if (name !== undefined) {
      this.#answerObject(request, response, { resource, namespace, name }, subresource === "status");
    } else if (request.method === "POST") {
      const draft = request.body as JsonObject;
      const { name: own } = draft["metadata"] as { readonly name?: string };
      if (own === undefined) throw new FakeApiError(422, "Invalid", "metadata.name: Required value");
      const place = { resource, namespace, name: own };
      sendJson(response, 201, this.objects.create(place, draft, { admit: admitted }));
    } else if (request.query.get("watch") === "true") this.#watch(request, response, resource, namespace);
    else sendJson(response, 200, this.#list(request, resource, namespace));
  }

  #answerObject(
    request: RecordedRequest,
    response: http.ServerResponse,
    place: FakePlace,
    status: boolean,
  ): void {
    const body = request.body as JsonObject;
    switch (request.method) {
      case "GET": {
        const object = this.objects.get(place);
        if (object === undefined) {
          throw new FakeApiError(404, "NotFound", `${place.resource} "${place.name}" not found`);
        }
        sendJson(response, 200, object);
        return;
      }
      case "PUT":
        sendJson(response, 200, this.objects.replace(place, body, { status, admit: admitted }));
        return;
      case "PATCH":
        this.#patch(request, response, place, status);
        return;
      case "DELETE": {
        const options = (request.body ?? {}) as { readonly preconditions?: { readonly uid?: string } };
        const object = this.objects.delete(place, options.preconditions);
        if (object === undefined) throw new FakeApiError(404, "NotFound", `"${place.name}" not found`);
        sendJson(response, 200, object);
        return;
      }
      default:
        throw new FakeApiError(405, "MethodNotAllowed", request.method);
    }
  }

  #patch(request: RecordedRequest, response: http.ServerResponse, place: FakePlace, status: boolean): void {
    const type = request.headers["content-type"];
    const options = { status, admit: admitted };
    if (type === "application/merge-patch+json") {
      sendJson(response, 200, this.objects.patch(place, request.body ?? null, options));
      return;
    }
    if (type !== "application/apply-patch+yaml") {
      throw new FakeApiError(415, "UnsupportedMediaType", `the body of the request was in ${String(type)}`);
    }
    const manager = request.query.get("fieldManager");
    if (manager === null) throw new FakeApiError(400, "BadRequest", "fieldManager is required");
    const applied = request.body as JsonObject;
    refuseUnknownFields(applied);
    const { object, created } = this.objects.apply(place, applied, manager, options);
    sendJson(response, created ? 201 : 200, object);
  }

  #list(request: RecordedRequest, resource: string, namespace: string | undefined): unknown {
    const all = this.objects
      .list(resource, namespace)
      .filter((object) => matchesSelectors(object, request.query));
    const from = Number(request.query.get("continue") ?? 0);
    const limit = Number(request.query.get("limit") ?? 0) || all.length;
    const more = from + limit < all.length ? { continue: String(from + limit) } : {};
    return {
      kind: "List",
      apiVersion: "v1",
      metadata: { resourceVersion: String(this.objects.version), ...more },
      items: all.slice(from, from + limit),
    };
  }

  #watch(
    request: RecordedRequest,
    response: http.ServerResponse,
    resource: string,
    namespace: string | undefined,
  ): void {
    const version = Number(request.query.get("resourceVersion") ?? 0);
    if (version < this.objects.oldest) {
      throw new FakeApiError(410, "Expired", `too old resource version: ${version}`);
    }
    const stream = new FakeStream(response, { resource, namespace, query: request.query });
    const unsubscribe = this.objects.subscribe((event) => {
      stream.deliver(event);
    });
    this.#streams.add(stream);
    response.once("close", () => {
      unsubscribe();
      this.#streams.delete(stream);
    });
    for (const event of this.objects.since(resource, version)) stream.deliver(event);
    this.#events.emit("stream", stream);
  }
}
