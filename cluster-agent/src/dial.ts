/**
 * Connects to a target: resolves its name once, checks where that leads, and
 * dials only the addresses that were checked.
 */
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { LookupFunction, Socket } from "node:net";

import { AgentError } from "./errors.ts";
import { isForbiddenAddress } from "./targets.ts";
import type { Destination } from "./targets.ts";

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface DialOptions {
  /** Addresses of the API server, which no glob leads to. */
  readonly apiServer: readonly string[];
  /** For resolving and connecting together. */
  readonly timeoutMs: number;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** @default the system's resolver */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
}

export type DialResult =
  | { readonly connected: true; readonly socket: Socket }
  | { readonly connected: false; readonly reason: "target-address-forbidden" };

/** After this much silence the kernel probes each second, ten times: a vanished target is noticed within 15 s, as a peer is. */
const KEEPALIVE_MS = 5_000;

/** What a person behind the proxy may read; the system's own texts name addresses of the cluster. */
const FAILURES: Readonly<Record<string, string>> = {
  ENOTFOUND: "name not found",
  EAI_AGAIN: "name cannot be resolved now",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "no route to network",
  ETIMEDOUT: "timed out",
  EPERM: "forbidden by network policy",
  EACCES: "forbidden by network policy",
};

/** Resolves and dials. @throws AgentError AGENT_DIAL */
export async function dialTarget(destination: Destination, options: DialOptions): Promise<DialResult> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    const found = await unlessAborted(signal, (options.resolve ?? resolveName)(destination.host));
    const addresses = destination.exact
      ? found
      : found.filter(({ address }) => !isForbiddenAddress(address, options.apiServer));
    if (addresses.length === 0 && found.length > 0) {
      return { connected: false, reason: "target-address-forbidden" };
    }
    return { connected: true, socket: await open(destination, addresses, signal) };
  } catch (error) {
    throw dialError(error, signal);
  }
}

async function resolveName(host: string): Promise<readonly ResolvedAddress[]> {
  return lookup(host, { all: true, order: "verbatim" });
}

/** The work itself cannot be stopped (it is the C library's); its result is not waited for. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  function abort(): void {
    reject(new AgentError("AGENT_DIAL", "timed out"));
  }
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function open(
  { host, port }: Destination,
  addresses: readonly ResolvedAddress[],
  signal: AbortSignal,
): Promise<Socket> {
  // Asked instead of the resolver, so that a name cannot change its answer between check and dial.
  function checked(...[, , answer]: Parameters<LookupFunction>): void {
    answer(null, [...addresses]);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({
    host,
    port,
    lookup: checked,
    autoSelectFamily: true,
    // SSH writes keystrokes one by one; Nagle's algorithm would hold each for 40 ms.
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_MS,
    // A target that has said all it has to say still listens.
    allowHalfOpen: true,
  });
  function abort(): void {
    socket.destroy(new AgentError("AGENT_DIAL", "timed out"));
  }
  signal.addEventListener("abort", abort, { once: true });
  socket.once("connect", () => {
    signal.removeEventListener("abort", abort);
    resolve(socket);
  });
  // Stays: a reset before the relay listens must not end the process. 'close' follows each error.
  socket.on("error", reject);
  if (signal.aborted) abort();
  return promise;
}

function dialError(error: unknown, signal: AbortSignal): AgentError {
  if (error instanceof AgentError) return error;
  if (signal.aborted) return new AgentError("AGENT_DIAL", "timed out", error);
  return new AgentError("AGENT_DIAL", FAILURES[codeOf(error)] ?? "cannot connect", error);
}

/** Every address of a name failing is one AggregateError, whose code is the first one's. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
