/** Peers on real sockets that speak SSH and mean harm: anybody with a certificate, and an agent as far as the proxy can tell. */
import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { connect } from "node:net";
import { generatePrivateKey, issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import { MSG } from "../../packages/ssh/src/messages.ts";
import type { TestIdentity } from "../../packages/ssh/src/testing/certified.ts";
import { message, RawPeer } from "../../packages/ssh/src/testing/raw-peer.ts";

/** Connects and authenticates. */
export async function connectPeer(port: number, user: string, identity: TestIdentity): Promise<RawPeer> {
  const peer = new RawPeer(connect({ port, host: "127.0.0.1", noDelay: true }), {
    kind: "client",
    hostKeyAlgorithms: ["ssh-ed25519"],
    acceptHostKey: () => true,
    verifyHostSignature: () => true,
  });
  await peer.authenticate(user, identity);
  return peer;
}

/** A host certificate for one name. */
export function agentIdentity(cluster: string, ca: KeyObject): TestIdentity {
  const privateKey = generatePrivateKey("Ed25519");
  const certificate = issueCertificate(ca, {
    type: "host",
    publicKey: publicKeyOf(privateKey),
    keyId: "agent",
    principals: [cluster],
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + 3_600_000),
  });
  return { privateKey, certificate };
}

export interface HostileAgent {
  readonly peer: RawPeer;
  /** The proxy's number of the control channel. */
  readonly control: number;
}

export interface HostileAgentParts {
  readonly cluster: string;
  readonly ca: KeyObject;
  /** Said at once, unless it is undefined. */
  readonly hello?: object | undefined;
}

/** Comes in at the tunnel port and takes the control channel. */
export async function connectAgent(
  port: number,
  { cluster, ca, hello }: HostileAgentParts,
): Promise<HostileAgent> {
  const peer = await connectPeer(port, `cluster:${cluster}`, agentIdentity(cluster, ca));
  const open = await peer.next(MSG.CHANNEL_OPEN);
  assert.equal(open.text(), "teleport-control");
  const control = open.u32();
  peer.send(message(MSG.CHANNEL_OPEN_CONFIRMATION).u32(control).u32(0).u32(0x7fff_ffff).u32(32_768));
  if (hello !== undefined) say(peer, control, `${JSON.stringify(hello)}\n`);
  return { peer, control };
}

/** Answers the keep-alive, as a peer does that is there and does nothing else. Returns when the connection is over. */
export async function stayAlive(peer: RawPeer): Promise<void> {
  while (!peer.transport.finished) {
    try {
      await peer.next(MSG.GLOBAL_REQUEST);
    } catch {
      return; // the connection is over
    }
    peer.send(message(MSG.REQUEST_FAILURE));
  }
}

/** Sends text in a channel, whatever its window. */
export function say(peer: RawPeer, channel: number, text: string): void {
  for (let at = 0; at < text.length; at += 30_000)
    peer.send(
      message(MSG.CHANNEL_DATA)
        .u32(channel)
        .string(text.slice(at, at + 30_000)),
    );
}
