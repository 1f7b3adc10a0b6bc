/** Sessions on the proxy itself, where no target is named: the menu, whatever is started. */
import { answerAndExit } from "@teleport-access/ssh";
import type { SessionRequest, SshConnection } from "@teleport-access/ssh";
import type { Clock } from "@teleport-access/daemon";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import type { TunnelRegistry } from "../tunnel/registry.ts";
import type { UserIdentity } from "./authenticate.ts";
import { answerMenu } from "./menu.ts";

/** What the menu needs from the proxy. */
export interface ServeMenuDeps {
  readonly store: AccessStore;
  readonly tunnels: Pick<TunnelRegistry, "leastBusy" | "announcedTargets">;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Answers one session channel and closes it. */
export function serveMenu(
  asked: SessionRequest,
  { id, identity }: SshConnection<UserIdentity>,
  { store, tunnels, audit, clock }: ServeMenuDeps,
): void {
  const { user, certificate, source } = identity;
  const line = { user, client: source, connection: id, detail: { form: "menu" } };
  audit.record({ event: "channel.open", outcome: "allowed", ...line });
  answerAndExit(asked.accept(), (start) => {
    // sftp to the proxy itself would take the table for its protocol.
    if (start.kind === "subsystem") return undefined;
    return answerMenu(start.kind === "exec" ? start.command : "", {
      ...{ user, certificate, source },
      world: store.world(clock.now()),
      announcedTargets: (cluster) => tunnels.announcedTargets(cluster),
      connected: (cluster) => tunnels.leastBusy(cluster) !== undefined,
    });
  });
}
