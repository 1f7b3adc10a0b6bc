/**
 * Is this connection an agent of the cluster that it names? The SSH user name says
 * the cluster; the host certificate proves it. Every refusal is audited with its own reason.
 */
import { refuseTunnel } from "@teleport-access/access";
import type { TunnelRefusal } from "@teleport-access/access";
import type { AuthRequest, AuthVerdict } from "@teleport-access/ssh";
import { isClusterName } from "@teleport-access/wire";
import type { AuditEvent } from "@teleport-access/wire";
import type { Clock } from "@teleport-access/daemon";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import { certificateFields } from "../certificate-fields.ts";
import type { TunnelIdentity, TunnelRegistry } from "./registry.ts";

/** Why a connection to the tunnel port is refused. */
export type TunnelAuthRefusal = TunnelRefusal | "not-a-cluster" | "plain-key" | "unsupported-key";

/** What the check reads. */
export interface TunnelAuthDeps {
  readonly store: AccessStore;
  readonly tunnels: Pick<TunnelRegistry, "count">;
  readonly audit: Audit;
  readonly clock: Clock;
}

const PREFIX = "cluster:";

/** Answers one authentication request of the tunnel port. */
export function authenticateTunnel(request: AuthRequest, deps: TunnelAuthDeps): AuthVerdict<TunnelIdentity> {
  // "none" is how a client asks for the list of methods; there is nothing to refuse yet.
  if (request.method === "none") return { accept: false };
  const cluster = request.user.startsWith(PREFIX) ? request.user.slice(PREFIX.length) : "";
  const reason = refuse(request, cluster, deps);
  if (reason !== undefined || request.key?.kind !== "certificate") {
    deps.audit.record({
      ...lineOf(request, cluster),
      outcome: "denied",
      reason: reason ?? "unsupported-key",
    });
    return { accept: false };
  }
  if (request.proven) deps.audit.record({ ...lineOf(request, cluster), outcome: "allowed" });
  const { certificate } = request.key;
  const trustUid = deps.store.cluster(cluster)?.uid ?? "";
  return { accept: true, identity: { cluster, trustUid, certificate, source: request.remoteAddress } };
}

function refuse(request: AuthRequest, cluster: string, deps: TunnelAuthDeps): TunnelAuthRefusal | undefined {
  if (!isClusterName(cluster)) return "not-a-cluster";
  if (request.key?.kind === "plain") return "plain-key";
  if (request.key?.kind !== "certificate") return "unsupported-key";
  const { certificate } = request.key;
  const trust = deps.store.cluster(cluster);
  const refused = refuseTunnel(
    { cluster, certificate, source: request.remoteAddress, now: deps.clock.now() },
    trust,
  );
  if (refused !== undefined) return refused;
  return deps.tunnels.count(cluster) >= (trust?.maxTunnels ?? 0) ? "too-many-tunnels" : undefined;
}

function lineOf(
  request: AuthRequest,
  cluster: string,
): Pick<AuditEvent, "event" | "client"> & Partial<AuditEvent> {
  return {
    event: "tunnel.auth",
    client: request.remoteAddress,
    connection: request.connection,
    // A name that no cluster can have is a stranger's text: it has no place in a field that people group by.
    ...(isClusterName(cluster) ? { cluster } : {}),
    ...(request.key?.kind === "certificate"
      ? { certificate: certificateFields(request.key.certificate) }
      : {}),
  };
}
