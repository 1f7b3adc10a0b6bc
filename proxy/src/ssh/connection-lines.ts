/** Audit lines of the SSH port and the tunnel port about connections as such: taken, and over. */
import type { ArrivedPeer, DepartedPeer } from "@teleport-access/ssh";
import type { AuditEvent } from "@teleport-access/wire";
import type { Audit } from "../audit.ts";

/** The two ports that speak SSH. */
export type SshPort = "ssh" | "tunnel";

/** Who a connection turned out to be of. */
export type Owner = Pick<AuditEvent, "user"> | Pick<AuditEvent, "cluster">;

/** A socket was taken. */
export function recordArrived(
  port: SshPort,
  { id, remoteAddress, remotePort }: ArrivedPeer,
  audit: Audit,
): void {
  audit.record({
    event: "connection.open",
    outcome: "info",
    client: remoteAddress,
    connection: id,
    detail: { port, clientPort: remotePort },
  });
}

/** A connection is over; nobody owns it when it never authenticated. */
export function recordDeparted(
  port: SshPort,
  peer: DepartedPeer<unknown>,
  owner: Owner | undefined,
  audit: Audit,
): void {
  const { keyExchange, hostKey, cipher } = peer.algorithms;
  audit.record({
    event: "connection.end",
    outcome: "info",
    ...owner,
    client: peer.remoteAddress,
    connection: peer.id,
    durationMs: Math.round(peer.milliseconds),
    bytesIn: peer.received,
    bytesOut: peer.sent,
    detail: {
      port,
      clientPort: peer.remotePort,
      sshUser: peer.user,
      peerVersion: peer.peerVersion,
      ...{ keyExchange, hostKey, cipher },
      ...(peer.error === undefined ? {} : { error: peer.error }),
    },
  });
}
