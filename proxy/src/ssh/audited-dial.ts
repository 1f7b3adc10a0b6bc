/** Asks a cluster's agent to dial a target, and writes down who was asked, what for, and how long it took. */
import type { Clock } from "@teleport-access/daemon";
import type { SshChannel } from "@teleport-access/ssh";
import type { AuditEvent, TransportRequest } from "@teleport-access/wire";
import type { Audit } from "../audit.ts";
import type { Tunnel } from "../tunnel/registry.ts";
import { dialRefusalOf } from "./dial-refusal.ts";

/** What the line needs from the proxy. */
export interface AuditedDialDeps {
  readonly audit: Audit;
  readonly clock: Clock;
}

/** One dial: whom to ask, for what, and what the line says of the person and the target. */
export interface Dial {
  readonly tunnel: Pick<Tunnel, "open" | "agent">;
  readonly request: TransportRequest;
  readonly form: "jump" | "forward";
  readonly line: Pick<AuditEvent, "user" | "cluster" | "target" | "connection">;
}

/** The channel to the target. Rejects with what the tunnel rejects with; the line is written either way. */
export async function dialAudited(
  { tunnel, request, form, line }: Dial,
  { audit, clock }: AuditedDialDeps,
): Promise<SshChannel> {
  const started = clock.monotonic();
  function record(result: Pick<AuditEvent, "outcome" | "reason">): void {
    audit.record({
      event: "target.dial",
      ...result,
      ...line,
      client: request.clientAddress,
      session: request.sessionId,
      elapsedMs: Math.round((clock.monotonic() - started) * 1000) / 1000,
      detail: { form, agent: tunnel.agent },
    });
  }
  try {
    const channel = await tunnel.open(request);
    record({ outcome: "allowed" });
    return channel;
  } catch (error) {
    record({ outcome: "denied", reason: dialRefusalOf(error) });
    throw error;
  }
}
