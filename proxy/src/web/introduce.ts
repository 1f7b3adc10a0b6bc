/**
 * Puts the introduction of a connection (introductions.ts) in front of the web port's TLS, and makes the
 * address that it learns the address of the request's socket.
 */
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { PeerAddress } from "@teleport-access/ssh";
import type { Introduce } from "../introductions.ts";

/** Connections that a load balancer speaks for. */
export interface Introduced {
  /** How many there are. */
  readonly count: number;
  /** Cuts those who are not introduced yet. */
  cut(): void;
}

/** Attaches to a server that does not listen yet. */
export function introduceConnections(
  server: HttpsServer,
  introduce: Introduce,
  refused: (address: string, reason: string) => void,
): Introduced {
  const arriving = new Set<Socket>();
  /** By what the kernel says of both sockets, the plain one and the one with TLS: it is one connection. */
  const addresses = new Map<string, PeerAddress>();
  const handlers = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");

  async function meet(socket: Socket): Promise<void> {
    const { remoteAddress = "" } = socket;
    const key = keyOf(socket);
    arriving.add(socket);
    const introduction = await introduce(socket);
    arriving.delete(socket);
    if (!introduction.known) {
      socket.destroy();
      if (introduction.reason !== undefined) refused(remoteAddress, introduction.reason);
      return;
    }
    // It left while it was introduced: there will be no 'close' to forget it by.
    if (socket.destroyed) return;
    addresses.set(key, introduction);
    socket.once("close", () => addresses.delete(key));
    for (const handler of handlers) handler.call(server, socket);
  }
  server.on("connection", (socket: Socket) => void meet(socket));
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    const address = addresses.get(keyOf(socket));
    if (address === undefined) return;
    Object.defineProperty(socket, "remoteAddress", { value: address.remoteAddress });
    Object.defineProperty(socket, "remotePort", { value: address.remotePort });
  });
  return {
    get count() {
      return addresses.size;
    },
    cut() {
      for (const socket of arriving) socket.destroy();
    },
  };
}

function keyOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
