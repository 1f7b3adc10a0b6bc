/**
 * What the fake API server answers, in order and out of it.
 */
import type http from "node:http";
import type { Json } from "./fake-apply.ts";

/** How a request is made to fail. */
export type FakeFault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      /** Sent in the header and in the body's details. */
      readonly retryAfterSeconds?: number;
    }
  /** The connection is reset. */
  | { readonly kind: "reset" }
  /** No answer ever comes. */
  | { readonly kind: "hang" }
  /** 200 with this body. */
  | { readonly kind: "body"; readonly body: string };

/** Which requests a fault is for; all given parts must fit. */
export interface FaultMatch {
  readonly method?: string;
  /** A part of the path. */
  readonly path?: string;
  readonly watch?: boolean;
}

/** A request that came in. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Json | undefined;
}

/** Whether a request is one that a match means. */
export function fits(match: FaultMatch, request: RecordedRequest): boolean {
  return (
    (match.method === undefined || match.method === request.method) &&
    (match.path === undefined || request.path.includes(match.path)) &&
    (match.watch === undefined || match.watch === (request.query.get("watch") === "true"))
  );
}

/** Makes a request fail. */
export function inflict(
  fault: FakeFault,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  switch (fault.kind) {
    case "hang":
      return;
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "body":
      response.writeHead(200, { "content-type": "application/json" }).end(fault.body);
      return;
    case "status":
      sendStatus(response, fault);
  }
}

/** Answers with JSON. */
export function sendJson(response: http.ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** Answers with a Status. */
export function sendStatus(
  response: http.ServerResponse,
  fault: Omit<FakeFault & { kind: "status" }, "kind">,
): void {
  const { status, reason = "", message = reason, retryAfterSeconds } = fault;
  if (retryAfterSeconds !== undefined) response.setHeader("retry-after", String(retryAfterSeconds));
  const details = retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } };
  sendJson(response, status, {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    reason,
    message,
    code: status,
    ...details,
  });
}
