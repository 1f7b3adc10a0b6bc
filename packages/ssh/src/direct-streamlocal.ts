/** The channel of `ssh -L port:/path/to/socket` (OpenSSH's PROTOCOL, section 2.4): to a Unix socket at the other end. */
import { SshReader, SshWriter } from "@teleport-access/sshcert";

import type { IncomingChannel, SshPeer } from "./connection.ts";
import { MAX_SOCKET_PATH_BYTES, MAX_TEXT_BYTES } from "./limits.ts";

export const DIRECT_STREAMLOCAL = "direct-streamlocal@openssh.com";

/** A peer wants to be connected to a Unix socket. */
export interface DirectStreamlocalRequest extends IncomingChannel {
  readonly path: string;
}

/** Registers who answers direct-streamlocal. Paths that are none of a socket are turned away before. */
export function onDirectStreamlocal(
  peer: SshPeer,
  handler: (request: DirectStreamlocalRequest) => void,
): void {
  peer.onChannel(DIRECT_STREAMLOCAL, (channel) => {
    const path = decodeDirectStreamlocal(channel.payload);
    if (isSocketPath(path)) handler({ ...channel, path });
    else channel.turnAway("channel-malformed", "not a socket's path");
  });
}

/** Whether a socket can have this path; one with NUL in it, which would open another, is no text at all. */
function isSocketPath(path: string): boolean {
  return path !== "" && Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}

/** @throws SshFormatError, which ends the connection. */
export function decodeDirectStreamlocal(payload: Buffer): string {
  const reader = new SshReader(payload);
  const path = reader.text(MAX_TEXT_BYTES);
  // Reserved, both.
  reader.string(MAX_TEXT_BYTES);
  reader.u32();
  reader.end();
  return path;
}

export function encodeDirectStreamlocal(path: string): Buffer {
  return new SshWriter().string(path).string("").u32(0).done();
}
