/**
 * Connects to a proxy: resolves its name anew each time, and speaks SSH there, on
 * the tunnel port or in a WebSocket on the web port.
 *
 * Whom it reaches is proved by the pinned SSH host keys alone, inside. TLS is there
 * because only TLS gets out of some networks; its certificate is not looked at,
 * and whoever stands in between sees what they would see on the tunnel port.
 */
import { lookup } from "node:dns/promises";
import type { LookupFunction, Socket } from "node:net";
import type { Duplex } from "node:stream";

import type { Clock } from "@teleport-access/daemon";
import { connectSsh, webSocketStream, WEBSOCKET_FRAME_BYTES } from "@teleport-access/ssh";
import type { SshClientConnection, SshClientOptions } from "@teleport-access/ssh";
import { formatAddress, MAX_WEBSOCKET_FRAGMENTS, TUNNEL_PATH } from "@teleport-access/wire";
import type { TunnelAddress } from "@teleport-access/wire";
import { WebSocket } from "ws";

import type { ResolvedAddress } from "./dial.ts";
import { AgentError } from "./errors.ts";

export type ResolveName = (host: string) => Promise<readonly ResolvedAddress[]>;

export interface DialProxyDeps {
  /** @default the system's resolver */
  readonly resolve?: ResolveName | undefined;
  readonly random?: (() => number) | undefined;
  readonly clock: Clock;
  /** Tests connect to servers of their own. @default connectSsh */
  readonly connect?: typeof connectSsh | undefined;
}

export type DialProxyOptions = Omit<
  Extract<SshClientOptions, { readonly hostKeyPins: unknown }>,
  "host" | "port" | "transport" | "lookup"
>;

/** `timeoutMs` is for everything together. Rejects with SshError, or AgentError AGENT_WEBSOCKET. */
export async function dialProxy(
  address: TunnelAddress,
  options: DialProxyOptions,
  deps: DialProxyDeps,
): Promise<SshClientConnection> {
  const { host, port } = address;
  const { clock, connect = connectSsh } = deps;
  const found = lookupOf(deps);
  if (address.transport === "tcp") return connect({ ...options, host, port, lookup: found });
  const deadline = clock.monotonic() + options.timeoutMs;
  const transport = await openWebSocket(address, found, { timeoutMs: options.timeoutMs, clock });
  const timeoutMs = Math.max(1, deadline - clock.monotonic());
  return connect({ ...options, host, port, transport, timeoutMs });
}

/**
 * Resolves a name, its addresses in an order of chance: behind a name with an address
 * for each replica, agents come to all of them.
 */
function lookupOf({ resolve = resolveName, random = Math.random }: DialProxyDeps): LookupFunction {
  return (host, { all }, answer) => {
    resolve(host).then(
      (found) => {
        const addresses = shuffled(found, random);
        const [first] = addresses;
        if (first === undefined) answer(new Error(`${host} has no address`), "");
        else if (all === true) answer(null, addresses);
        else answer(null, first.address, first.family);
      },
      (error: unknown) => {
        answer(error instanceof Error ? error : new Error(String(error)), "");
      },
    );
  };
}

async function resolveName(host: string): Promise<readonly ResolvedAddress[]> {
  return lookup(host, { all: true });
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}

function openWebSocket(
  { host, port }: TunnelAddress,
  found: LookupFunction,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const url = `wss://${formatAddress({ host, port })}${TUNNEL_PATH}`;
  const socket = new WebSocket(url, {
    lookup: found,
    // Self-made by default, and proof of nothing that the host key inside does not prove.
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload: WEBSOCKET_FRAME_BYTES,
    maxFragments: MAX_WEBSOCKET_FRAGMENTS,
    autoPong: false,
  });
  const timer = clock.setTimer(timeoutMs, () => {
    fail(`no WebSocket within ${timeoutMs} ms`);
  });
  function fail(problem: string, cause?: unknown): void {
    timer.cancel();
    reject(new AgentError("AGENT_WEBSOCKET", `${url}: ${problem}`, cause));
    socket.terminate();
  }
  // Stays: ending an attempt is an error of its own.
  socket.on("error", (error) => {
    fail(error.message, error);
  });
  socket.once("upgrade", (response) => {
    // 'open' follows at once; with it the first bytes may come, which the stream must not miss.
    const tcp: Socket = response.socket;
    socket.once("open", () => {
      timer.cancel();
      resolve(webSocketStream(socket, tcp));
    });
  });
  return promise;
}
