/**
 * The API server's verbs on raw JSON. Nothing is dropped or filled in on the way,
 * but apiVersion and kind, which lists of built-in kinds leave out of their items.
 *
 * Retries here are only those that cannot do a thing twice: the server said "later"
 * before it began (429, 503 with Retry-After). All else is the caller's to repeat.
 */
import { systemClock } from "@teleport-access/daemon";
import type { Clock } from "@teleport-access/daemon";
import type { KubeObject } from "@teleport-access/crd";
import type { Manifest } from "./core-objects.ts";
import { errorOfStatus, isKubeError, KubeError, type StatusBody } from "./errors.ts";
import { apiVersionOf, describePlace, pathOf, type Place, type ResourceRef } from "./resources.ts";
import type { StreamHandlers, Transport, TransportAnswer } from "./transport.ts";

/** Which object. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Which objects of a resource. */
export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ObjectList<T> {
  readonly items: T[];
  /** Where a watch may begin. */
  readonly resourceVersion: string;
}

export interface CallOptions {
  /** @default 15000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ApplyOptions extends CallOptions {
  /** Who owns the applied fields. */
  readonly fieldManager: string;
  /** Takes fields over from other managers. @default true */
  readonly force?: boolean;
}

/** A delete fails with KUBE_CONFLICT when the object is not this one any more. */
export interface Preconditions extends CallOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface RawRequest extends CallOptions {
  readonly method: string;
  /** Path with query, as from `pathOf`. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** One API server, one identity. Every method rejects with a KubeError. */
export interface KubeClient {
  /** undefined when there is no such object. */
  get<T extends KubeObject>(
    ref: ResourceRef<T>,
    name: ObjectName,
    options?: CallOptions,
  ): Promise<T | undefined>;
  /** Reads the newest state, in pages. */
  list<T extends KubeObject>(
    ref: ResourceRef<T>,
    options?: ListOptions,
    call?: CallOptions,
  ): Promise<ObjectList<T>>;
  /** KUBE_ALREADY_EXISTS when the name is taken. */
  create<T extends KubeObject>(ref: ResourceRef<T>, object: Manifest, options?: CallOptions): Promise<T>;
  /** Server-side apply: the manager's fields become exactly these; the object is made if need be. */
  apply<T extends KubeObject>(ref: ResourceRef<T>, object: Manifest, options: ApplyOptions): Promise<T>;
  /** Server-side apply to the status subresource; KUBE_NOT_FOUND when the object is gone. */
  applyStatus<T extends KubeObject>(ref: ResourceRef<T>, object: Manifest, options: ApplyOptions): Promise<T>;
  /** Replaces the whole object; KUBE_CONFLICT when its resourceVersion is not the current one. */
  replace<T extends KubeObject>(ref: ResourceRef<T>, object: Manifest, options?: CallOptions): Promise<T>;
  /** JSON merge patch (RFC 7386). A resourceVersion in the patch makes it conditional. */
  patch<T extends KubeObject>(
    ref: ResourceRef<T>,
    place: ObjectName & { readonly subresource?: string },
    patch: unknown,
    options?: CallOptions,
  ): Promise<T>;
  /** false when there was no such object. Dependents follow in the background. */
  delete(ref: ResourceRef, name: ObjectName, preconditions?: Preconditions): Promise<boolean>;
  /** Anything else; the parsed answer. */
  request(request: RawRequest): Promise<unknown>;
  /** A streaming GET on a connection of its own. watchResource is what programs use. */
  stream(path: string, what: string, handlers: StreamHandlers, timeoutMs: number): { close(): void };
  /** Closes idle connections. */
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/** Objects asked for at once: a page of ours is some hundred kilobytes. */
const PAGE_SIZE = 500;
/** Tries of a request that the server is too busy for. */
const MAX_TRIES = 4;
/** Longest wait that a Retry-After is obeyed for within one call. */
const MAX_RETRY_AFTER_MS = 5_000;

const JSON_TYPE = "application/json";
const APPLY_TYPE = "application/apply-patch+yaml";
const MERGE_TYPE = "application/merge-patch+json";

/** Makes a client on a transport. Programs use `connect`. */
export function createClient(transport: Transport, clock: Clock = systemClock): KubeClient {
  function call(request: RawRequest, what: string): Promise<unknown> {
    return send(transport, clock, request, what);
  }
  function write<T>(method: string, ref: ResourceRef, place: Place, rest: WriteRest): Promise<T> {
    const { query = "", contentType = JSON_TYPE, body, options } = rest;
    const path = pathOf(ref, place) + query;
    return call({ method, path, body, contentType, ...options }, describe(method, ref, place)) as Promise<T>;
  }
  function apply<T>(
    ref: ResourceRef,
    object: KubeObject,
    options: ApplyOptions,
    subresource?: string,
  ): Promise<T> {
    const { fieldManager, force = true, ...rest } = options;
    const query = `?fieldManager=${encodeURIComponent(fieldManager)}&force=${String(force)}`;
    const place = { ...placeOf(object), subresource };
    return write("PATCH", ref, place, {
      query,
      contentType: APPLY_TYPE,
      body: withKind(ref, object),
      options: rest,
    });
  }

  return {
    async get<T extends KubeObject>(ref: ResourceRef<T>, name: ObjectName, options: CallOptions = {}) {
      try {
        return (await call(
          { method: "GET", path: pathOf(ref, name), ...options },
          describe("GET", ref, name),
        )) as T;
      } catch (error) {
        if (isKubeError(error, "KUBE_NOT_FOUND")) return undefined;
        throw error;
      }
    },
    list: (ref, options = {}, rest = {}) => listAll(call, ref, options, rest),
    create: (ref, object, options = {}) => {
      const { namespace } = object.metadata;
      return write("POST", ref, { namespace }, { body: withKind(ref, object), options });
    },
    apply: (ref, object, options) => apply(ref, object, options),
    applyStatus: (ref, object, options) => apply(ref, object, options, "status"),
    replace: (ref, object, options = {}) =>
      write("PUT", ref, placeOf(object), { body: withKind(ref, object), options }),
    patch: (ref, place, patch, options = {}) =>
      write("PATCH", ref, place, { contentType: MERGE_TYPE, body: patch, options }),
    delete: (ref, name, preconditions = {}) => remove(call, ref, name, preconditions),
    request: (request) => call(request, `${request.method} ${request.path}`),
    stream: (path, what, handlers, timeoutMs) =>
      transport.stream({ method: "GET", path, what, timeoutMs }, handlers),
    close() {
      transport.close();
    },
  };
}

interface WriteRest {
  readonly query?: string;
  readonly contentType?: string;
  readonly body: unknown;
  readonly options: CallOptions;
}

type Call = (request: RawRequest, what: string) => Promise<unknown>;

const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  POST: "create",
  PUT: "replace",
  PATCH: "patch",
  DELETE: "delete",
};

function describe(method: string, ref: ResourceRef, place: Place): string {
  return `${VERBS[method] ?? method} ${describePlace(ref, place)}`;
}

function placeOf(object: KubeObject): { namespace: string | undefined; name: string } {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}

function withKind<B extends KubeObject>(ref: ResourceRef, object: B): B {
  return { apiVersion: apiVersionOf(ref), kind: ref.kind, ...object };
}

async function send(transport: Transport, clock: Clock, request: RawRequest, what: string): Promise<unknown> {
  const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) };
  for (let tries = 1; ; tries++) {
    const answer = await transport.request({
      method: request.method,
      path: request.path,
      ...body,
      ...(request.contentType === undefined ? {} : { contentType: request.contentType }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      timeoutMs: request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      what,
    });
    const parsed = parseAnswer(answer, what);
    if (answer.status < 400) return parsed;
    const error = errorOfAnswer(answer, what, parsed as StatusBody);
    const wait = error.retryAfterMs;
    if (wait === undefined || wait > MAX_RETRY_AFTER_MS || tries === MAX_TRIES) throw error;
    await pause(clock, wait, request.signal, what);
  }
}

/** The error that an answer other than 2xx stands for. */
export function errorOfAnswer(answer: TransportAnswer, what: string, parsed?: StatusBody): KubeError {
  const body = parsed ?? parseStatus(answer.body);
  return errorOfStatus(what, answer.status, body, answer.retryAfter);
}

function parseStatus(text: string): StatusBody {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : { message: text };
  } catch {
    return { message: text.trim() };
  }
}

function parseAnswer(answer: TransportAnswer, what: string): unknown {
  if (answer.status >= 400) return parseStatus(answer.body);
  try {
    return JSON.parse(answer.body);
  } catch (cause) {
    throw new KubeError("KUBE_PROTOCOL", `${what}: the answer is not JSON`, { status: answer.status, cause });
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal | undefined, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    function abort(): void {
      timer.cancel();
      reject(new KubeError("KUBE_ABORTED", `${what}: given up`));
    }
    const timer = clock.setTimer(ms, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** A page of a list as the server sends it. */
interface Page<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

/** The query of a list or watch. */
export function selectorQuery(options: ListOptions): URLSearchParams {
  const query = new URLSearchParams();
  if (options.labelSelector !== undefined) query.set("labelSelector", options.labelSelector);
  if (options.fieldSelector !== undefined) query.set("fieldSelector", options.fieldSelector);
  return query;
}

async function listAll<T extends KubeObject>(
  call: Call,
  ref: ResourceRef<T>,
  options: ListOptions,
  rest: CallOptions,
): Promise<ObjectList<T>> {
  try {
    return await listPages(call, ref, options, { ...rest, limit: PAGE_SIZE });
  } catch (error) {
    // The list changed so much between two pages that the server forgot the first: take it whole.
    if (!isKubeError(error, "KUBE_EXPIRED")) throw error;
    return listPages(call, ref, options, { ...rest, limit: 0 });
  }
}

async function listPages<T extends KubeObject>(
  call: Call,
  ref: ResourceRef<T>,
  options: ListOptions,
  { limit, ...rest }: CallOptions & { readonly limit: number },
): Promise<ObjectList<T>> {
  const query = selectorQuery(options);
  if (limit > 0) query.set("limit", String(limit));
  const place = { namespace: options.namespace };
  const items: T[] = [];
  for (;;) {
    const path = `${pathOf(ref, place)}?${query.toString()}`;
    const page = (await call(
      { method: "GET", path, ...rest },
      `list ${describePlace(ref, place)}`,
    )) as Page<T>;
    for (const item of page.items ?? []) items.push(withKind(ref, item));
    const { resourceVersion = "", continue: next = "" } = page.metadata ?? {};
    if (next === "") return { items, resourceVersion };
    query.set("continue", next);
  }
}

async function remove(
  call: Call,
  ref: ResourceRef,
  name: ObjectName,
  options: Preconditions,
): Promise<boolean> {
  const { uid, resourceVersion, ...rest } = options;
  const body = {
    apiVersion: "v1",
    kind: "DeleteOptions",
    propagationPolicy: "Background",
    ...(uid === undefined && resourceVersion === undefined
      ? {}
      : { preconditions: { uid, resourceVersion } }),
  };
  try {
    const path = pathOf(ref, name);
    await call(
      { method: "DELETE", path, body, contentType: JSON_TYPE, ...rest },
      describe("DELETE", ref, name),
    );
    return true;
  } catch (error) {
    if (isKubeError(error, "KUBE_NOT_FOUND")) return false;
    throw error;
  }
}
