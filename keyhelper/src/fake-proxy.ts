/**
 * For tests only: a proxy that says what a test tells it to say, over real TLS.
 * It checks the hello as a proxy does, and answers from a script.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { parsePublicKeyLine, verifySignature } from "@teleport-access/sshcert";
import { encodeKeyHelperMessage, keyHelperProof, parseKeyHelperClientMessage } from "@teleport-access/wire";
import type { KeyHelperHello, KeyHelperRefusal, KeyHelperServerMessage } from "@teleport-access/wire";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

/** A file of testdata/. */
export function testdata(name: string): string {
  return readFileSync(new URL(`./testdata/${name}`, import.meta.url), "utf8");
}

/** A running fake. */
export interface FakeProxy {
  readonly origin: string;
  /** What happens on the next connections, a list of steps each; the last one is repeated. */
  scripts: readonly (readonly string[])[];
  /** Called at the step `stop`. */
  onStop: () => void;
  readonly hellos: KeyHelperHello[];
  close(): Promise<void>;
}

const NONCE = Buffer.alloc(32, 9).toString("base64url");
const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHR4GD6hyPmCm68LxAQvf/X69YZlk3eZLgYqGVYp+/9u";

/** Starts one on a port of its own. */
export async function startFakeProxy(): Promise<FakeProxy> {
  const server = createServer(
    { key: testdata("tls.key"), cert: testdata("tls.crt") },
    (_request, response) => {
      response.writeHead(404).end();
    },
  );
  const sockets = new WebSocketServer({ noServer: true });
  const proxy: FakeProxy = {
    origin: "",
    scripts: [],
    onStop: () => undefined,
    hellos: [],
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  server.on("upgrade", (request, socket, head) => {
    const script = proxy.scripts[0] ?? [];
    if (proxy.scripts.length > 1) proxy.scripts = proxy.scripts.slice(1);
    const status = /^status (\d+)$/.exec(script[0] ?? "")?.[1];
    if (status !== undefined)
      socket.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    else {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        follow(proxy, webSocket, script);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(proxy, { origin: `https://localhost:${port}` });
}

function follow(proxy: FakeProxy, socket: WebSocket, script: readonly string[]): void {
  socket.send(encodeKeyHelperMessage({ type: "challenge", version: 1, nonce: NONCE }));
  socket.once("message", (data: Buffer) => {
    const hello = parseKeyHelperClientMessage(data.toString());
    proxy.hellos.push(hello);
    if (!isProven(hello)) throw new Error("the key-helper's proof is wrong");
    for (const step of script) take(proxy, socket, hello, step);
  });
}

function isProven(hello: KeyHelperHello): boolean {
  const { server, user, token } = hello;
  const publicKey = parsePublicKeyLine(hello.publicKey);
  const proof = keyHelperProof({ nonce: NONCE, server, user, token, publicKey });
  const device = parsePublicKeyLine(hello.devicePublicKey);
  return verifySignature(device, proof, Buffer.from(hello.signature, "base64"));
}

function take(proxy: FakeProxy, socket: WebSocket, hello: KeyHelperHello, step: string): void {
  const [verb = "", word = ""] = step.split(" ");
  if (verb === "stop") {
    // Whoever has answered has read everything before it.
    socket.once("pong", () => {
      proxy.onStop();
    });
    socket.ping();
  } else if (verb === "cut") socket.terminate();
  else if (verb === "say") socket.send(step.slice("say ".length));
  else socket.send(encodeKeyHelperMessage(messageOf(verb, word, hello)));
}

function messageOf(verb: string, word: string, hello: KeyHelperHello): KeyHelperServerMessage {
  switch (verb) {
    case "welcome":
      return {
        type: "welcome",
        user: hello.user,
        ssh: { address: "proxy.example.com:3023", hostKeys: [HOST_KEY] },
        webAddress: "https://proxy.example.com",
        knownHosts: [{ cluster: "prod", keys: [HOST_KEY] }],
        state: word === "signed-in" ? "signed-in" : "waiting",
      };
    case "state":
      return { type: "state", state: word === "signed-in" ? "signed-in" : "waiting" };
    case "certificate":
      return certificateFor(word === "" ? hello.user : word);
    case "clusters":
      return {
        type: "known-hosts",
        knownHosts: word.split(",").map((cluster) => ({ cluster, keys: [HOST_KEY] })),
      };
    case "revoked":
      return { type: "revoked", reason: word };
    case "refused":
      return { type: "refused", reason: word as KeyHelperRefusal, message: `the proxy says ${word}` };
    default:
      throw new Error(`no step ${verb}`);
  }
}

/** `user` is also "other-key", for a certificate that is not of the key that was asked for. */
function certificateFor(user: string): KeyHelperServerMessage {
  return {
    type: "certificate",
    line: testdata(`${user}-cert.pub`).trim(),
    serial: "7",
    validAfter: "2026-01-01T08:00:00Z",
    validBefore: "2035-01-01T16:00:00Z",
    principals: ["deploy@prod"],
  };
}
