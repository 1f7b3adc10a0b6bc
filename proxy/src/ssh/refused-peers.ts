/**
 * Peers that packages/ssh turned away by itself: bad signatures, broken protocol, too slow, too
 * many. A flood is counted, not written down: it must not fill the log.
 */
import type { RefusedPeer, SshRefusal } from "@teleport-access/ssh";
import type { Audit } from "../audit.ts";
import type { ProxyMetrics } from "../metrics.ts";

const FLOOD: readonly SshRefusal[] = [
  "too-many-connections",
  "too-many-unauthenticated",
  "too-many-from-address",
  "handshake-rate",
];

/** Where refusals go. */
export interface RefusedPeerDeps {
  readonly audit: Audit;
  readonly metrics: Pick<ProxyMetrics, "denied">;
}

/** Writes or counts one refusal of the SSH port or the tunnel port. */
export function recordRefusedPeer(
  event: "ssh.auth" | "tunnel.auth",
  { connection, remoteAddress, reason, detail }: RefusedPeer,
  { audit, metrics }: RefusedPeerDeps,
): void {
  if (FLOOD.includes(reason)) {
    metrics.denied.inc({ event, reason });
    return;
  }
  audit.record({
    event,
    outcome: "denied",
    reason,
    client: remoteAddress,
    ...(connection === undefined ? {} : { connection }),
    ...(detail === undefined ? {} : { detail: { error: detail } }),
  });
}
