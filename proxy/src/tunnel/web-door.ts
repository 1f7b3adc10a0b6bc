/**
 * The door for agents on the web port, for sites that let only HTTPS out: a WebSocket, and in it the same
 * SSH as on the tunnel port, with the same limits. Nothing of HTTP proves anything here; SSH does.
 */
import { webSocketStream, WEBSOCKET_FRAME_BYTES } from "@teleport-access/ssh";
import { MAX_WEBSOCKET_FRAGMENTS, TUNNEL_PATH } from "@teleport-access/wire";
import { WebSocketServer } from "ws";
import type { WebDeps } from "../web/deps.ts";
import type { UpgradeRoute } from "../web/upgrades.ts";

/** The agents' way in on the web port. */
export interface TunnelDoor extends UpgradeRoute {
  /** Lets nobody in any more; those inside are the tunnel server's to end. */
  close(): void;
}

/** The door, for the web port to open. */
export function createTunnelDoor(deps: Pick<WebDeps, "serveTunnel">): TunnelDoor {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: WEBSOCKET_FRAME_BYTES,
    maxFragments: MAX_WEBSOCKET_FRAGMENTS,
    // What is inside is encrypted: it does not get smaller, and its length says nothing more than it must.
    perMessageDeflate: false,
    // The stream answers, and stops for a peer that does not read.
    autoPong: false,
  });
  return {
    path: TUNNEL_PATH,
    sockets,
    refuse(request) {
      if (deps.serveTunnel === undefined) return "404 Not Found";
      // Only browsers send one, and no page has any business here.
      return request.headers.origin === undefined ? undefined : "403 Forbidden";
    },
    accept(socket, { socket: tcp }) {
      const { remoteAddress = "", remotePort = 0 } = tcp;
      deps.serveTunnel?.(webSocketStream(socket, tcp), { remoteAddress, remotePort });
    },
    close() {
      sockets.close();
    },
  };
}
