/** Sessions on the proxy itself, where no target is named: the menu, whatever is started. */
import { answerAndExit } from "@teleport-access/ssh";
import type { SessionRequest, SshConnection } from "@teleport-access/ssh";
import type { Clock } from "@teleport-access/daemon";
import type { AuditEvent } from "@teleport-access/wire";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import type { SessionRegistry } from "../sessions/registry.ts";
import type { TunnelRegistry } from "../tunnel/registry.ts";
import type { UserIdentity } from "./authenticate.ts";
import type { JumpRefusal } from "./jump.ts";
import { answerMenu } from "./menu.ts";

/** What the menu needs from the proxy. */
export interface ServeMenuDeps {
  readonly store: AccessStore;
  readonly sessions: Pick<SessionRegistry, "open">;
  readonly tunnels: Pick<TunnelRegistry, "leastBusy" | "announcedTargets">;
  readonly audit: Audit;
  readonly clock: Clock;
}

const NOT_A_TARGET: JumpRefusal = "not-a-target";
const UNREADABLE_TARGET = "A target is written login@host.cluster, or login@host.cluster:port.\n";

/** Answers one session channel and closes it. */
export function serveMenu(
  asked: SessionRequest,
  connection: SshConnection<UserIdentity>,
  { store, sessions, tunnels, audit, clock }: ServeMenuDeps,
): void {
  const { user, certificate, source, request, grants } = connection.identity;
  const session = asked.accept();
  const { channel } = session;
  let answered = false;
  const entry = sessions.open({
    ...{ kind: "menu", request, grants, client: source, connection: connection.id },
    cut: () => {
      channel.destroy();
    },
  });
  if (!entry.live) return;
  audit.record({ ...lineOf(connection, "menu"), outcome: "allowed", session: entry.id });
  channel.once("close", () => {
    entry.end(answered ? "answered" : "client-closed");
  });
  answerAndExit(session, (start) => {
    // sftp to the proxy itself would take the table for its protocol.
    if (start.kind === "subsystem") return undefined;
    answered = true;
    return answerMenu(start.kind === "exec" ? start.command : "", {
      ...{ user, certificate, source },
      world: store.world(clock.now()),
      announcedTargets: (cluster) => tunnels.announcedTargets(cluster),
      connected: (cluster) => tunnels.leastBusy(cluster) !== undefined,
    });
  });
}

/** The same where the user name looks like a target and is none. */
export function serveUnreadableTarget(
  asked: SessionRequest,
  connection: SshConnection<UserIdentity>,
  { audit }: Pick<ServeMenuDeps, "audit">,
): void {
  audit.record({ ...lineOf(connection, "forward"), outcome: "denied", reason: NOT_A_TARGET });
  answerAndExit(asked.accept(), () => ({ stderr: UNREADABLE_TARGET, status: 255 }));
}

function lineOf(
  { id, identity }: SshConnection<UserIdentity>,
  form: string,
): Pick<AuditEvent, "event"> & Partial<AuditEvent> {
  const { user, source } = identity;
  return { event: "channel.open", user, client: source, connection: id, detail: { form } };
}
