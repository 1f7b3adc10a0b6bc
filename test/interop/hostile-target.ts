/**
 * Targets that prove to be who they are, let anybody in, and then mean harm: what a server that was broken into may do
 * to the proxy that logs in to it, and to the person behind. Each has a name of its own in cluster prod.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { generatePrivateKey, issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { AgentTarget } from "@teleport-access/wire";
import { offerHostKeys } from "../../packages/ssh/src/key-exchange.ts";
import { MSG } from "../../packages/ssh/src/messages.ts";
import { message, RawPeer } from "../../packages/ssh/src/testing/raw-peer.ts";
import type { EstateKeys } from "./proxy-world.ts";

/** What a target does from the moment that the keys are exchanged. */
export type Act = (peer: RawPeer) => Promise<void>;

export interface HostileTargets {
  readonly targets: readonly AgentTarget[];
  /** What went wrong in an act itself, other than that it was cut. */
  readonly failures: unknown[];
  close(): Promise<void>;
}

/** Starts a server for each name. */
export async function startHostileTargets(
  { hostCa }: Pick<EstateKeys, "hostCa">,
  acts: ReadonlyMap<string, Act>,
): Promise<HostileTargets> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  const targets: AgentTarget[] = [];
  for (const [name, act] of acts) {
    const hostKeys = offerHostKeys([hostIdentity(hostCa, `${name}.prod`)]);
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      const peer = new RawPeer(socket, { kind: "server", hostKeys });
      act(peer).catch((error: unknown) => {
        if (!peer.transport.finished) failures.push(error);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    targets.push({ host: name, ports: [22], address: `127.0.0.1:${port}` });
  }
  return {
    targets,
    failures,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => once(server.close(), "close")));
    },
  };
}

function hostIdentity(
  hostCa: EstateKeys["hostCa"],
  name: string,
): Parameters<typeof offerHostKeys>[0][number] {
  const privateKey = generatePrivateKey("Ed25519");
  const certificate = issueCertificate(hostCa, {
    type: "host",
    publicKey: publicKeyOf(privateKey),
    keyId: name,
    principals: [name],
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + 3_600_000),
  });
  return { privateKey, certificate };
}

/** Lets anybody in. */
export async function admit(peer: RawPeer): Promise<void> {
  await peer.next(MSG.SERVICE_REQUEST);
  peer.send(message(MSG.SERVICE_ACCEPT).string("ssh-userauth"));
  await peer.next(MSG.USERAUTH_REQUEST);
  peer.send(message(MSG.USERAUTH_SUCCESS));
}

/** What it says of the session that it opens. */
export interface SessionParts {
  readonly window?: number;
  readonly packetSize?: number;
}

/** Lets somebody in and opens the session that is asked for; returns the proxy's number of it. Ours is 0. */
export async function openSession(peer: RawPeer, parts: SessionParts = {}): Promise<number> {
  const { window = 2_097_152, packetSize = 32_768 } = parts;
  await admit(peer);
  const open = await peer.next(MSG.CHANNEL_OPEN);
  open.text();
  const channel = open.u32();
  peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(channel).u32(0).u32(window).u32(packetSize));
  return channel;
}

/** The same, up to the command that is started in it. */
export async function startSession(peer: RawPeer, parts: SessionParts = {}): Promise<number> {
  const channel = await openSession(peer, parts);
  for (;;) {
    const request = await peer.next(MSG.CHANNEL_REQUEST);
    request.u32();
    const name = request.text();
    if (request.u8() !== 0) peer.send(message(MSG.CHANNEL_SUCCESS).u32(channel));
    if (name === "exec") return channel;
  }
}

/** Output of the session. */
export function print(peer: RawPeer, channel: number, text: string | Buffer): void {
  peer.send(message(MSG.CHANNEL_DATA).u32(channel).string(text));
}

/** The session ends as it should. */
export function finish(peer: RawPeer, channel: number, status = 7): void {
  peer.send(message(MSG.CHANNEL_REQUEST).u32(channel).string("exit-status").u8(0).u32(status));
  peer.send(message(MSG.CHANNEL_EOF).u32(channel));
  peer.send(message(MSG.CHANNEL_CLOSE).u32(channel));
}
