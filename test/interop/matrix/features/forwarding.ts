/** -L, -R, -D, agent forwarding, ssh -W. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { freePort } from "@teleport-access/testkit";
import type { Operation } from "../client.ts";
import type { Cell, Feature } from "../cell.ts";
import { WELCOME } from "../display.ts";

const X11_CLIENT = fileURLToPath(new URL("../x11-client.ts", import.meta.url));

type Kind = Extract<Operation, { readonly do: "forward" }>["kind"];

/** Opens a connection to a port of this machine. */
function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => {
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

/** Reads exactly so many bytes. */
function read(socket: Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let got = 0;
    function take(chunk: Buffer): void {
      chunks.push(chunk);
      got += chunk.length;
      if (got < bytes) return;
      socket.off("data", take).off("close", tooEarly);
      resolve(Buffer.concat(chunks));
    }
    function tooEarly(): void {
      reject(new Error(`closed after ${got} of ${bytes} bytes`));
    }
    socket.on("data", take).on("close", tooEarly);
  });
}

/** RFC 1928: no authentication, CONNECT to an IPv4 address. */
async function socksConnect(socket: Socket, port: number): Promise<void> {
  socket.write(Buffer.of(5, 1, 0));
  assert.deepEqual([...(await read(socket, 2))], [5, 0]);
  socket.write(Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255));
  const reply = await read(socket, 10);
  assert.equal(reply[1], 0, `the SOCKS server answers ${String(reply[1])}`);
}

function forwarding(kind: Kind): (cell: Cell) => Promise<void> {
  return async (cell) => {
    const to = cell.world.echoPort;
    const listen = await freePort();
    const held = await cell.hold({ do: "forward", kind, listen, to, path: cell.world.echoPath });
    await held.shows("ready");
    const socket = await dial(listen);
    if (kind === "socks") await socksConnect(socket, to);
    const message = cell.world.payload.bytes.subarray(0, 300_000);
    const back = read(socket, message.length);
    socket.write(message);
    assert.ok((await back).equals(message), "what comes back is what was sent");
    socket.destroy();
    await held.finish();
  };
}

async function agentForwarding(cell: Cell): Promise<void> {
  const { status, stdout } = await cell.run({ do: "session", command: "ssh-add -l", agent: true });
  assert.equal(status, 0);
  assert.match(stdout.toString(), /ED25519/);
}

/** A program at the target shows something on our display. */
async function x11(cell: Cell): Promise<void> {
  const display = cell.world.display.environment;
  const command = `${process.execPath} ${X11_CLIENT}`;
  const { stdout } = await cell.run({ do: "session", command, display });
  assert.equal(stdout.toString(), WELCOME);
}

/** `ssh -W web-1.prod:22 proxy`: what stands behind every ProxyCommand. */
async function stdioForward(cell: Cell): Promise<void> {
  const route = await cell.route({ proxyOnly: true });
  const held = await cell.hold({ do: "dial", host: route.target, port: 22 }, route);
  await held.shows("SSH-2.0-OpenSSH");
  await held.finish();
}

export const FORWARDING: readonly Feature[] = [
  { id: "local", basic: true, name: "-L", try: forwarding("local") },
  { id: "socks", name: "-D", try: forwarding("socks") },
  { id: "local-socket", name: "-L to a Unix socket", try: forwarding("socket") },
  { id: "remote", name: "-R", forms: ["direct", "jump"], try: forwarding("remote") },
  { id: "agent", basic: true, name: "agent forwarding", try: agentForwarding },
  { id: "x11", name: "X11", forms: ["direct", "jump"], try: x11 },
  { id: "stdio", name: "ssh -W", forms: ["jump"], try: stdioForward },
];
