/**
 * The tunnel between an agent and a proxy: an SSH connection that the agent
 * dials and in which only the proxy opens channels.
 *
 * Here: names and the request of a transport channel. The lines of the control
 * channel are in control.ts.
 */
import { SshReader, SshWriter } from "@teleport-access/sshcert";

import { MAX_NAME_LENGTH, MAX_TRANSPORT_REQUEST_BYTES } from "./limits.ts";
import { isHostName, isUserName } from "./names.ts";
import { asWireError, WireError } from "./wire-error.ts";

export { digestTargets } from "./targets.ts";
export type { AgentTarget, AnnouncedTarget } from "./targets.ts";

/** One per tunnel, opened by the proxy at once: JSON lines both ways. */
export const CONTROL_CHANNEL = "teleport-control";
/** One per connection to a target, opened by the proxy with a TransportRequest. */
export const TRANSPORT_CHANNEL = "teleport-transport";

/** On the web port: a WebSocket in which the agent's SSH connection runs, where only HTTPS gets through. */
export const TUNNEL_PATH = "/tunnel/v1";

/** The SSH user name of an agent. */
export function tunnelUserName(cluster: string): string {
  return `cluster:${cluster}`;
}

/** What a proxy asks an agent to dial, and for whom. */
export interface TransportRequest {
  /** Without its cluster, in lower case. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The proxy's id of the connection, so that both logs name the same thing. */
  readonly sessionId: string;
  /** Where the person comes from. */
  readonly clientAddress: string;
}

/** Why an agent does not connect a channel: the text of CHANNEL_OPEN_FAILURE with "administratively prohibited". */
export type TransportRefusal =
  "target-not-listed" | "target-address-forbidden" | "malformed-request" | "too-many-channels" | "draining";

const PRINTABLE = /^[\x21-\x7e]{1,128}$/;

/** The payload that follows the channel type in CHANNEL_OPEN. */
export function encodeTransportRequest(request: TransportRequest): Buffer {
  return new SshWriter()
    .string(request.host)
    .u32(request.port)
    .string(request.user)
    .string(request.sessionId)
    .string(request.clientAddress)
    .done();
}

/** @throws WireError */
export function decodeTransportRequest(payload: Uint8Array): TransportRequest {
  if (payload.length > MAX_TRANSPORT_REQUEST_BYTES) throw new WireError("transport request: too long");
  const request = asWireError("transport request", () => {
    const reader = new SshReader(payload);
    const host = reader.text(MAX_NAME_LENGTH);
    const port = reader.u32();
    const user = reader.text(MAX_NAME_LENGTH);
    const sessionId = reader.text(128);
    const clientAddress = reader.text(128);
    reader.end();
    return { host, port, user, sessionId, clientAddress };
  });
  checkTransportRequest(request);
  return request;
}

function checkTransportRequest({ host, port, user, sessionId, clientAddress }: TransportRequest): void {
  if (!isHostName(host)) throw new WireError("transport request: host is no name");
  if (port < 1 || port > 65_535) throw new WireError("transport request: port is no port");
  if (!isUserName(user)) throw new WireError("transport request: user is no name");
  if (!PRINTABLE.test(sessionId)) throw new WireError("transport request: session id is not printable");
  if (!PRINTABLE.test(clientAddress))
    throw new WireError("transport request: client address is not printable");
}
