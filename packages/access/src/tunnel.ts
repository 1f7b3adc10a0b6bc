/**
 * May this agent bring a tunnel of this cluster? Its identity is its host certificate,
 * signed by one of the host CA keys of exactly that TrustedHostCA.
 */
import { verifyCertificate } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import type { AccessRefusal } from "./refusal.ts";
import { rangesContain } from "./source-ranges.ts";
import type { ClusterTrust } from "./world.ts";

/** Why a tunnel is refused or ended. */
export type TunnelRefusal = AccessRefusal | "wrong-cluster" | "too-many-tunnels";

/** What an agent brings. */
export interface TunnelRequest {
  /** The name that it says, `cluster:<name>` without the prefix. */
  readonly cluster: string;
  readonly certificate: Certificate;
  readonly source: string;
  readonly now: number;
}

/** Why the tunnel may not be, or undefined when it may. */
export function refuseTunnel(
  request: TunnelRequest,
  trust: ClusterTrust | undefined,
): TunnelRefusal | undefined {
  if (trust === undefined) return "cluster-not-trusted";
  if (trust.suspend) return "cluster-suspended";
  const verdict = verifyCertificate(request.certificate, {
    type: "host",
    authorities: trust.authorities,
    principal: trust.name,
    now: new Date(request.now),
  });
  if (!verdict.valid) {
    return verdict.reason === "principal-not-listed" ? "wrong-cluster" : `certificate-${verdict.reason}`;
  }
  if (trust.sourceRanges.length > 0 && !rangesContain(trust.sourceRanges, request.source)) {
    return "source-not-allowed";
  }
  return undefined;
}
