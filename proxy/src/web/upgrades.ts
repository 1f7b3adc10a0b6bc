/**
 * WebSocket upgrades on the web port: one door a path, everything else refused. A door says who may
 * upgrade; what is said then is its own business.
 */
import type { IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";

/** What answers on one path. */
export interface UpgradeRoute {
  /** Exactly, without a query. */
  readonly path: string;
  readonly sockets: WebSocketServer;
  /** The HTTP status to refuse an upgrade with; undefined when it may go on. */
  refuse(request: IncomingMessage): string | undefined;
  accept(socket: WebSocket, request: IncomingMessage): void;
}

/** Attaches the doors. */
export function routeUpgrades(server: HttpsServer, routes: readonly UpgradeRoute[]): void {
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const route = routes.find(({ path }) => path === request.url);
    const status = route === undefined ? "404 Not Found" : route.refuse(request);
    if (route === undefined || status !== undefined) {
      endWith(socket, status ?? "404 Not Found");
      return;
    }
    route.sockets.handleUpgrade(request, socket, head, (webSocket) => {
      route.accept(webSocket, request);
    });
  });
}

function endWith(socket: Duplex, status: string): void {
  socket.on("error", () => {
    socket.destroy();
  });
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
