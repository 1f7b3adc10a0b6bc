/** The SSH port: where people come in with their certificates. */
import { createSshServer, replyAndExit } from "@teleport-access/ssh";
import type { HostKey, SshConnection, SshServer, SshServerLimits } from "@teleport-access/ssh";
import type { TunnelRegistry } from "../tunnel/registry.ts";
import { authenticateUser, farewell } from "./authenticate.ts";
import type { UserAuthDeps, UserIdentity } from "./authenticate.ts";
import { readTargetWish } from "./forward/target-name.ts";
import { handleJump } from "./jump.ts";
import type { JumpDeps } from "./jump.ts";
import { recordRefusedPeer } from "./refused-peers.ts";
import type { RefusedPeerDeps } from "./refused-peers.ts";
import { serveMenu } from "./serve-menu.ts";

/** What the port needs. */
export interface UserServerDeps extends UserAuthDeps, JumpDeps, RefusedPeerDeps {
  readonly sessions: JumpDeps["sessions"];
  readonly tunnels: Pick<TunnelRegistry, "leastBusy" | "announcedTargets">;
  hostKeys(): readonly HostKey[];
  readonly limits: Partial<SshServerLimits>;
}

/** Makes the server; it does not listen yet. */
export function createUserServer(deps: UserServerDeps): SshServer {
  return createSshServer<UserIdentity>({
    hostKeys: () => deps.hostKeys(),
    limits: deps.limits,
    authenticate: (request) => authenticateUser(request, deps),
    connected: (connection) => {
      serve(connection, deps);
    },
    refused: (peer) => {
      recordRefusedPeer("ssh.auth", peer, deps);
    },
  });
}

function serve(connection: SshConnection<UserIdentity>, deps: UserServerDeps): void {
  const { request, grants } = connection.identity;
  const session = deps.sessions.open({
    kind: "connection",
    request,
    grants,
    client: connection.remoteAddress,
    cut: (reason) => {
      connection.end(farewell(reason));
    },
  });
  connection.onClose(() => {
    session.end("client-closed");
  });
  connection.onDirectTcpip((channel) => {
    void handleJump(channel, connection, deps);
  });
  const wish = readTargetWish(connection.user);
  connection.onSession((asked) => {
    if (wish.kind === "unreadable") replyAndExit(asked.accept(), UNREADABLE_TARGET, 255);
    else serveMenu(asked, connection, deps);
  });
}

const UNREADABLE_TARGET = "A target is written login@host.cluster, or login@host.cluster:port.\n";
