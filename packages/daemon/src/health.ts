/**
 * The port for probes and metrics: /livez, /readyz, /metrics, and nothing else.
 *
 * Not in any Service. It tells how the program is, never what it knows.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";

import type { Metrics } from "./metrics.ts";
import type { Closer } from "./shutdown.ts";

export interface HealthOptions {
  /** @default "0.0.0.0": kubelet and Prometheus come from outside the pod */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** False makes Kubernetes restart the container. */
  live(): boolean;
  /** Why the program is not ready; empty when it is. */
  ready(): readonly string[];
  readonly metrics: Metrics;
}

export interface HealthServer extends Closer {
  readonly port: number;
}

/** Probes are tiny; whoever sends more is in the wrong place. */
const MAX_HEADER_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/** Kubelet, Prometheus and a few people. */
const MAX_CONNECTIONS = 64;

/** Starts to listen. @throws the error of `listen`, e.g. EADDRINUSE */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      void answer(options, request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host ?? "0.0.0.0", resolve);
  });
  return { port: portOf(server), close: () => close(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

async function answer(
  options: HealthOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, "only GET\n");
    return;
  }
  switch (request.url?.split("?", 1)[0]) {
    case "/livez":
      sendState(response, options.live() ? [] : ["not live"]);
      return;
    case "/readyz":
      sendState(response, options.ready());
      return;
    case "/metrics":
      await sendMetrics(options.metrics, response);
      return;
    default:
      send(response, 404, "no such page\n");
  }
}

function sendState(response: ServerResponse, problems: readonly string[]): void {
  if (problems.length === 0) send(response, 200, "ok\n");
  else send(response, 503, `${problems.join("\n")}\n`);
}

async function sendMetrics({ registry }: Metrics, response: ServerResponse): Promise<void> {
  try {
    send(response, 200, await registry.metrics(), registry.contentType);
  } catch {
    send(response, 500, "the metrics could not be collected\n");
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(body);
}
