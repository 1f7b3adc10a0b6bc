/** The channel of `ssh -W`, `-J` and `-L` (RFC 4254, section 7.2). */
import { SshReader, SshWriter } from "@teleport-access/sshcert";

import type { IncomingChannel, SshPeer } from "./connection.ts";
import type { SshChannel } from "./channel-stream.ts";
import { MAX_ADDRESS_BYTES } from "./limits.ts";
import type { OpenRefusal } from "./errors.ts";

export interface DirectTcpipTarget {
  readonly host: string;
  readonly port: number;
  readonly originAddress: string;
  readonly originPort: number;
}

/** A peer wants to be connected to a target. What it says of its origin is its own claim. */
export interface DirectTcpipRequest extends DirectTcpipTarget {
  accept(): SshChannel;
  refuse(reason: OpenRefusal, message: string): void;
}

const MAX_PORT = 65_535;

/** Registers who answers direct-tcpip. Ports that are none are turned away before. */
export function onDirectTcpip(peer: SshPeer, handler: (request: DirectTcpipRequest) => void): void {
  peer.onChannel("direct-tcpip", (channel) => {
    const target = decodeDirectTcpip(channel.payload);
    if (target.port < 1 || target.port > MAX_PORT) channel.turnAway("channel-malformed", "not a port");
    else handler(toRequest(channel, target));
  });
}

function toRequest(channel: IncomingChannel, target: DirectTcpipTarget): DirectTcpipRequest {
  return {
    ...target,
    accept: () => channel.accept(),
    refuse: (reason, message) => {
      channel.refuse(reason, message);
    },
  };
}

/** @throws SshFormatError, which ends the connection. */
export function decodeDirectTcpip(payload: Buffer): DirectTcpipTarget {
  const reader = new SshReader(payload);
  const target = {
    host: reader.text(MAX_ADDRESS_BYTES),
    port: reader.u32(),
    originAddress: reader.text(MAX_ADDRESS_BYTES),
    originPort: reader.u32(),
  };
  reader.end();
  return target;
}

export function encodeDirectTcpip({ host, port, originAddress, originPort }: DirectTcpipTarget): Buffer {
  return new SshWriter().string(host).u32(port).string(originAddress).u32(originPort).done();
}
