/**
 * Who is behind a new connection? A load balancer in front of the proxy says so in a PROXY protocol
 * header; only those whose network is listed are believed.
 *
 * A listed peer must send the header: one that may leave it out lets a client behind it write its own.
 * From anybody else nothing is read here, so that a header is garbage to what comes next.
 */
import type { Socket } from "node:net";

import { rangesContain } from "@teleport-access/access";
import type { Clock } from "@teleport-access/daemon";
import type { Introduction } from "@teleport-access/ssh";
import { MAX_UNAUTHENTICATED, parseProxyHeader, PROXY_HEADER_MS } from "@teleport-access/wire";
import type { ProxyHeaderParse } from "@teleport-access/wire";

/** Answers for one socket; nothing of what follows the header has been taken from it. */
export type Introduce = (socket: Socket) => Introduction | Promise<Introduction>;

/** Undefined when nobody's header is believed. */
export function createIntroductions(ranges: readonly string[], clock: Clock): Introduce | undefined {
  if (ranges.length === 0) return undefined;
  let waiting = 0;
  return (socket) => {
    const own = { remoteAddress: socket.remoteAddress ?? "", remotePort: socket.remotePort ?? 0 };
    if (!rangesContain(ranges, own.remoteAddress)) return { known: true, ...own };
    // Whose they are is not known yet, so they are counted together.
    if (waiting >= MAX_UNAUTHENTICATED) return { known: false, reason: "too-many-unauthenticated" };
    waiting += 1;
    return readHeader(socket, clock).then((header) => {
      waiting -= 1;
      return introductionOf(header, own);
    });
  };
}

type Header =
  Exclude<ProxyHeaderParse, { readonly state: "incomplete" }> | { readonly state: "late" | "gone" };

function introductionOf(
  header: Header,
  own: { readonly remoteAddress: string; readonly remotePort: number },
): Introduction {
  switch (header.state) {
    case "complete":
      if (header.source === undefined) return { known: true, ...own };
      return { known: true, remoteAddress: header.source.address, remotePort: header.source.port };
    case "refused":
      return { known: false, reason: "proxy-header", detail: header.problem };
    case "late":
      return { known: false, reason: "proxy-header", detail: "late" };
    // A health check that only wants to know whether the port is open.
    case "gone":
      return { known: false };
  }
}

/** Takes the header, and no byte more, from the socket. Never rejects. */
function readHeader(socket: Socket, clock: Clock): Promise<Header> {
  const { promise, resolve } = Promise.withResolvers<Header>();
  let held: Buffer = Buffer.alloc(0);
  const timer = clock.setTimer(PROXY_HEADER_MS, () => {
    settle({ state: "late" });
  });
  function settle(header: Header): void {
    timer.cancel();
    socket.off("readable", look).off("end", gone).off("close", gone);
    if (header.state === "complete" && held.length > header.length)
      socket.unshift(held.subarray(header.length));
    resolve(header);
  }
  function look(): void {
    for (let chunk = read(socket); chunk !== null; chunk = read(socket)) held = Buffer.concat([held, chunk]);
    const header = parseProxyHeader(held);
    if (header.state !== "incomplete") settle(header);
  }
  function gone(): void {
    settle({ state: "gone" });
  }
  // Stays: a reset before anybody else listens must not end the process. 'close' follows.
  socket.on("error", () => undefined);
  socket.on("readable", look).on("end", gone).on("close", gone);
  return promise;
}

function read(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}
