/**
 * Notices peers that are gone without saying so: everybody is pinged in an
 * interval, and who did not answer the last ping is dropped.
 */
import type { Clock, Timer } from "@teleport-access/daemon";
import type { WebSocket, WebSocketServer } from "ws";

/** A laptop that was closed is noticed within two of these; the key-helper does the same in its direction. */
const PING_MS = 20_000;

/** Pings all clients of `sockets` until cancelled. */
export function pingClients(clock: Clock, sockets: WebSocketServer): Timer {
  const answered = new WeakMap<WebSocket, boolean>();
  function ping(socket: WebSocket): void {
    const answer = answered.get(socket);
    if (answer === false) {
      socket.terminate();
      return;
    }
    if (answer === undefined) socket.on("pong", () => answered.set(socket, true));
    answered.set(socket, false);
    socket.ping();
  }
  let timer: Timer;
  function round(): void {
    sockets.clients.forEach(ping);
    timer = clock.setTimer(PING_MS, round);
  }
  timer = clock.setTimer(PING_MS, round);
  return {
    cancel() {
      timer.cancel();
    },
  };
}
