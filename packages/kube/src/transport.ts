/**
 * HTTP/1.1 to one API server over node:https: short requests share a few
 * keep-alive connections, each stream (a watch) has one of its own. HTTP/2 would put all
 * watches on one TCP connection, which can be half open without anybody noticing.
 *
 * What a status means is client.ts's and watch.ts's business; here everything
 * that is not an answer becomes a KubeError.
 */
import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { KubeError } from "./errors.ts";

/** Where the API server is and how we prove who we are. Functions are asked before each request. */
export interface Connection {
  /** https://host:port, or http:// in tests. */
  readonly server: string;
  /** PEM. Absent: the system's authorities. */
  readonly ca?: () => string | undefined;
  readonly token?: () => string | undefined;
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** Name to verify the server's certificate against instead of the host of `server`. */
  readonly serverName?: string;
}

export interface TransportRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** How messages call this request. */
  readonly what: string;
}

export interface TransportAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** Called in this order; `end` exactly once, also after close(). */
export interface StreamHandlers {
  /** The answer's status is 200. */
  open(): void;
  data(chunk: Buffer): void;
  /** Without a failure the server closed the stream in order. An answer other than 200 comes as `answer`. */
  end(result: { readonly failure?: KubeError; readonly answer?: TransportAnswer }): void;
}

export interface Transport {
  request(request: TransportRequest): Promise<TransportAnswer>;
  /** Opens a stream; `timeoutMs` of the request is how long the first byte of the answer may take. */
  stream(request: TransportRequest, handlers: StreamHandlers): { close(): void };
  /** Closes idle connections; open streams are their owners'. */
  close(): void;
}

/** Largest answer that is read: a page of 500 objects of the largest size that etcd holds stays below it only with small objects, as ours are. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** What is kept of a refused stream's answer. */
const MAX_REFUSAL_BYTES = 64 * 1024;
/** The kernel starts to probe a silent connection after this time, so that a peer that is gone is noticed without our traffic. */
const TCP_KEEPALIVE_MS = 5_000;
/** Below the API server's own idle timeout (90 s), so that it is us who close. */
const IDLE_CONNECTION_MS = 60_000;
const MAX_CONNECTIONS = 16;

interface Agents {
  readonly ca: string | undefined;
  readonly requests: http.Agent;
  readonly streams: http.Agent;
}

function makeAgents(connection: Connection, ca: string | undefined): Agents {
  const secure = connection.server.startsWith("https:");
  const Agent = secure ? https.Agent : http.Agent;
  const common = {
    noDelay: true,
    ...(ca === undefined ? {} : { ca }),
    ...(connection.cert === undefined ? {} : { cert: connection.cert }),
    ...(connection.key === undefined ? {} : { key: connection.key }),
    ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
  };
  return {
    ca,
    requests: new Agent({
      ...common,
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      maxFreeSockets: 4,
      timeout: IDLE_CONNECTION_MS,
    }),
    // One connection a stream; what is shared is only the cache of TLS sessions.
    streams: new Agent({ ...common, keepAlive: false }),
  };
}

function headersOf(
  connection: Connection,
  userAgent: string,
  request: TransportRequest,
): http.OutgoingHttpHeaders {
  const token = connection.token?.();
  return {
    accept: "application/json",
    "user-agent": userAgent,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(request.body === undefined
      ? {}
      : {
          "content-type": request.contentType ?? "application/json",
          "content-length": Buffer.byteLength(request.body),
        }),
  };
}

function failureOf(what: string, error: Error): KubeError {
  if (error instanceof KubeError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const text = error.message === "" ? (code ?? error.name) : error.message;
  return new KubeError("KUBE_UNREACHABLE", `${what}: ${text}`, { cause: error });
}

/** Collects an answer's body up to a limit. */
async function readBody(response: http.IncomingMessage, what: string, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new KubeError("KUBE_PROTOCOL", `${what}: answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function answerOf(response: http.IncomingMessage, body: string): TransportAnswer {
  return { status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], body };
}

/** Whether a request may be sent again when its reused connection turned out to be closed. */
function mayRepeat(request: TransportRequest, sent: http.ClientRequest, error: Error): boolean {
  // The server closes idle connections whenever it likes. A POST may have been
  // carried out before the connection broke, so its caller decides.
  const code = (error as NodeJS.ErrnoException).code;
  return sent.reusedSocket && request.method !== "POST" && (code === "ECONNRESET" || code === "EPIPE");
}

/** Makes the transport of one API server. `userAgent` shows up in its audit log. */
export function createTransport(connection: Connection, userAgent: string): Transport {
  const base = new URL(connection.server);
  const prefix = base.pathname.replace(/\/$/, "");
  const { request: open } = base.protocol === "https:" ? https : http;
  let agents = makeAgents(connection, connection.ca?.());

  function start(request: TransportRequest, pool: "requests" | "streams"): http.ClientRequest {
    const ca = connection.ca?.();
    if (ca !== agents.ca) agents = makeAgents(connection, ca);
    return open({
      host: base.hostname.replace(/^\[|\]$/g, ""),
      port: base.port === "" ? (base.protocol === "https:" ? 443 : 80) : base.port,
      path: prefix + request.path,
      method: request.method,
      headers: headersOf(connection, userAgent, request),
      agent: agents[pool],
    });
  }

  return {
    async request(request) {
      try {
        return await sendOnce(start, request);
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw failureOf(request.what, error as Error);
      }
      return sendOnce(start, request).catch((error: unknown) => {
        throw failureOf(request.what, error instanceof StaleConnection ? error.reason : (error as Error));
      });
    },
    stream: (request, handlers) => openStream(start, request, handlers),
    close() {
      agents.requests.destroy();
    },
  };
}

/** A reused connection was closed by the server before it saw the request. */
class StaleConnection extends Error {
  readonly reason: Error;
  constructor(reason: Error) {
    super("stale connection");
    this.reason = reason;
  }
}

type Start = (request: TransportRequest, pool: "requests" | "streams") => http.ClientRequest;

/** Rejects with StaleConnection when the request may be sent again on another connection. */
function sendOnce(start: Start, request: TransportRequest): Promise<TransportAnswer> {
  const { what, timeoutMs, signal } = request;
  return new Promise((resolve, reject) => {
    const sent = start(request, "requests");
    const timer = setTimeout(() => {
      fail(new KubeError("KUBE_TIMEOUT", `${what}: no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    function abort(): void {
      fail(new KubeError("KUBE_ABORTED", `${what}: given up`));
    }
    function settle(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
    function fail(error: Error): void {
      settle();
      sent.destroy();
      reject(mayRepeat(request, sent, error) ? new StaleConnection(error) : failureOf(what, error));
    }
    signal?.addEventListener("abort", abort, { once: true });
    sent.on("error", fail);
    sent.once("response", (response) => {
      readBody(response, what, MAX_ANSWER_BYTES).then((body) => {
        settle();
        resolve(answerOf(response, body));
      }, fail);
    });
    if (signal?.aborted === true) abort();
    else sent.end(request.body);
  });
}

function openStream(start: Start, request: TransportRequest, handlers: StreamHandlers): { close(): void } {
  let ended = false;
  let sent: http.ClientRequest | undefined;
  function end(result: Parameters<StreamHandlers["end"]>[0]): void {
    clearTimeout(timer);
    if (ended) return;
    ended = true;
    sent?.destroy();
    handlers.end(result);
  }
  function fail(error: Error): void {
    end({ failure: failureOf(request.what, error) });
  }
  const timer = setTimeout(() => {
    fail(new KubeError("KUBE_TIMEOUT", `${request.what}: no answer within ${request.timeoutMs} ms`));
  }, request.timeoutMs);

  function close(): void {
    end({ failure: new KubeError("KUBE_ABORTED", `${request.what}: closed`) });
  }
  try {
    sent = start(request, "streams");
  } catch (error) {
    // A token or path that no header can carry; told later, as every other end is.
    queueMicrotask(() => {
      fail(error as Error);
    });
    return { close };
  }
  sent.on("error", fail);
  sent.once("socket", (socket: Socket) => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
  });
  sent.once("response", (response) => {
    if (response.statusCode !== 200) {
      readBody(response, request.what, MAX_REFUSAL_BYTES).then((body) => {
        end({ answer: answerOf(response, body) });
      }, fail);
      return;
    }
    clearTimeout(timer);
    response.on("error", fail);
    response.on("data", (chunk: Buffer) => {
      if (!ended) handlers.data(chunk);
    });
    response.once("end", () => {
      end({});
    });
    response.once("close", () => {
      fail(new KubeError("KUBE_UNREACHABLE", `${request.what}: the connection broke`));
    });
    if (!ended) handlers.open();
  });
  sent.end();
  return { close };
}
