/** The SSH port: where people come in with their certificates. */
import { createSshServer } from "@teleport-access/ssh";
import type { HostKey, SshConnection, SshServer, SshServerLimits } from "@teleport-access/ssh";
import type { Introduce } from "../introductions.ts";
import type { Traffic } from "../sessions/registry.ts";
import type { TunnelRegistry } from "../tunnel/registry.ts";
import { authenticateUser, farewell } from "./authenticate.ts";
import type { UserAuthDeps, UserIdentity } from "./authenticate.ts";
import { recordArrived, recordDeparted } from "./connection-lines.ts";
import { serveForward } from "./forward/serve.ts";
import { readTargetWish } from "./forward/target-name.ts";
import { handleJump } from "./jump.ts";
import type { JumpDeps } from "./jump.ts";
import { recordRefusedPeer } from "./refused-peers.ts";
import type { RefusedPeerDeps } from "./refused-peers.ts";
import { serveMenu, serveUnreadableTarget } from "./serve-menu.ts";

/** What the port needs. */
export interface UserServerDeps extends UserAuthDeps, JumpDeps, RefusedPeerDeps {
  readonly sessions: JumpDeps["sessions"];
  readonly tunnels: Pick<TunnelRegistry, "leastBusy" | "announcedTargets">;
  hostKeys(): readonly HostKey[];
  readonly limits: Partial<SshServerLimits>;
  /** Undefined when no load balancer's word counts. */
  readonly introduce?: Introduce | undefined;
}

/** Makes the server; it does not listen yet. */
export function createUserServer(deps: UserServerDeps): SshServer {
  return createSshServer<UserIdentity>({
    hostKeys: () => deps.hostKeys(),
    introduce: deps.introduce,
    limits: deps.limits,
    rekey: deps.rekey,
    authenticate: (request) => authenticateUser(request, deps),
    connected: (connection) => {
      serve(connection, deps);
    },
    refused: (peer) => {
      recordRefusedPeer("ssh.auth", peer, deps);
    },
    arrived: (peer) => {
      recordArrived("ssh", peer, deps.audit);
    },
    departed: (peer) => {
      const { identity } = peer;
      recordDeparted("ssh", peer, identity === undefined ? undefined : { user: identity.user }, deps.audit);
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
    connection: connection.id,
    traffic: () => trafficOf(connection),
    cut: (reason) => {
      connection.end(farewell(reason));
    },
  });
  connection.onClose(() => {
    session.end("client-closed", trafficOf(connection));
  });
  connection.onTurnedAway((type, reason) => {
    deps.audit.record({
      ...{ event: "channel.open", outcome: "denied", reason },
      ...{ user: connection.identity.user, client: connection.remoteAddress, connection: connection.id },
      detail: { request: type },
    });
  });
  const wish = readTargetWish(connection.user);
  if (wish.kind === "target") {
    serveForward(connection, wish.target, deps);
    return;
  }
  connection.onDirectTcpip((channel) => {
    void handleJump(channel, connection, deps);
  });
  connection.onSession((asked) => {
    if (wish.kind === "unreadable") serveUnreadableTarget(asked, connection, deps);
    else serveMenu(asked, connection, deps);
  });
}

function trafficOf(connection: SshConnection<UserIdentity>): Traffic {
  const { received, sent } = connection.traffic();
  return { bytesIn: received, bytesOut: sent };
}
