import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { systemClock } from "@teleport-access/daemon";
import { generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { connect } from "./connection.ts";
import { testdata } from "./fake-proxy.ts";

const server = createServer({ key: testdata("tls.key"), cert: testdata("tls.crt") });
const sockets = new WebSocketServer({ server });
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
after(() => {
  sockets.close();
  server.close();
});

/** Pings as fast as the network takes it, until the connection is over. */
function flood(socket: WebSocket): void {
  function send(): void {
    if (socket.readyState !== socket.OPEN) return;
    for (let i = 0; i < 64; i += 1) socket.ping(Buffer.alloc(125));
    socket.ping(Buffer.alloc(125), false, send);
  }
  send();
}

test("connect cuts a server that pings and pings and reads no answer", async () => {
  sockets.once("connection", (socket, { socket: tcp }) => {
    socket.on("error", () => undefined);
    tcp.pause();
    flood(socket);
  });
  const end = await connect({
    server: `https://localhost:${(server.address() as AddressInfo).port}`,
    ca: testdata("tls.crt"),
    user: "alice",
    token: "",
    deviceKey: generatePrivateKey("Ed25519"),
    publicKey: publicKeyOf(generatePrivateKey("Ed25519")),
    clock: systemClock,
    signal: new AbortController().signal,
    onNews: () => assert.fail("no news"),
  });
  assert.equal(end.how, "lost");
});
