/** The tunnel port: where agents come in with their host certificates. */
import type { Logger } from "@teleport-access/daemon";
import { createSshServer, TUNNEL_KEEPALIVE, TUNNEL_LIMITS } from "@teleport-access/ssh";
import type { HostKey, RekeyPolicy, SshServer, SshServerLimits } from "@teleport-access/ssh";
import type { Introduce } from "../introductions.ts";
import { authenticateTunnel } from "./authenticate.ts";
import type { TunnelAuthDeps } from "./authenticate.ts";
import { runTunnel } from "./connection.ts";
import type { TunnelDeps } from "./connection.ts";
import type { TunnelIdentity } from "./registry.ts";
import { recordArrived, recordDeparted } from "../ssh/connection-lines.ts";
import { recordRefusedPeer } from "../ssh/refused-peers.ts";
import type { RefusedPeerDeps } from "../ssh/refused-peers.ts";

/** What the port needs. */
export interface TunnelServerDeps extends TunnelAuthDeps, TunnelDeps, RefusedPeerDeps {
  readonly tunnels: TunnelDeps["tunnels"];
  readonly log: Logger;
  hostKeys(): readonly HostKey[];
  readonly limits: Partial<SshServerLimits>;
  readonly rekey?: RekeyPolicy | undefined;
  /** Undefined when no load balancer's word counts. */
  readonly introduce?: Introduce | undefined;
}

/** Makes the server; it does not listen yet. */
export function createTunnelServer(deps: TunnelServerDeps): SshServer {
  return createSshServer<TunnelIdentity>({
    hostKeys: () => deps.hostKeys(),
    introduce: deps.introduce,
    limits: { ...TUNNEL_LIMITS, ...deps.limits },
    keepalive: TUNNEL_KEEPALIVE,
    rekey: deps.rekey,
    authenticate: (request) => authenticateTunnel(request, deps),
    connected: (connection) => {
      void runTunnel(connection, deps);
    },
    refused: (peer) => {
      recordRefusedPeer("tunnel.auth", peer, deps);
    },
    arrived: (peer) => {
      recordArrived("tunnel", peer, deps.audit);
    },
    departed: (peer) => {
      const { identity } = peer;
      const owner = identity === undefined ? undefined : { cluster: identity.cluster };
      recordDeparted("tunnel", peer, owner, deps.audit);
    },
  });
}
