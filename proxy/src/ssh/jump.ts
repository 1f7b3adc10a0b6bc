/**
 * The jump form: `ssh -J` opens a direct-tcpip channel to `host.cluster`, and the proxy carries
 * its bytes to the target's sshd through a tunnel. It sees ciphertext only; whether the jump is
 * covered is decided here when it opens, and by the session registry for as long as it lives.
 */
import { decide, textForPeople } from "@teleport-access/access";
import type { AccessRefusal, Grant, JumpRequest } from "@teleport-access/access";
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger } from "@teleport-access/daemon";
import { ChannelRefusedError, spliceChannels } from "@teleport-access/ssh";
import type { DirectTcpipRequest, OpenRefusal, SshChannel, SshConnection } from "@teleport-access/ssh";
import { parseTarget } from "@teleport-access/wire";
import type { AuditEvent, TransportRefusal } from "@teleport-access/wire";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import type { OpenSession, OrdinaryEnd, SessionRegistry } from "../sessions/registry.ts";
import type { TunnelRegistry } from "../tunnel/registry.ts";
import type { UserIdentity } from "./authenticate.ts";

/** Why a channel to a target is not opened. */
export type JumpRefusal =
  | AccessRefusal
  | TransportRefusal
  /** The name is not `host.cluster`. */
  | "not-a-target"
  | "too-many-sessions"
  /** The cluster is trusted, but none of its agents is connected here. */
  | "no-tunnel"
  /** The agent could not reach the target. */
  | "target-unreachable"
  | "tunnel-lost";

/** What a jump needs from the proxy. */
export interface JumpDeps {
  readonly store: AccessStore;
  readonly sessions: SessionRegistry;
  readonly tunnels: Pick<TunnelRegistry, "leastBusy">;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxSessionsPerUser: number;
}

/** What the agent may answer, word for word (packages/wire). */
const AGENT_REFUSALS: readonly TransportRefusal[] = [
  "target-not-listed",
  "target-address-forbidden",
  "malformed-request",
  "too-many-channels",
  "draining",
];

/** Carries one direct-tcpip channel, or refuses it. Never rejects. */
export async function handleJump(
  channel: DirectTcpipRequest,
  connection: SshConnection<UserIdentity>,
  deps: JumpDeps,
): Promise<void> {
  const jump = new Jump(channel, connection, deps);
  await jump.run();
}

class Jump {
  readonly #channel: DirectTcpipRequest;
  readonly #connection: SshConnection<UserIdentity>;
  readonly #deps: JumpDeps;
  /** Ends what there is so far; replaced as the jump gets on. */
  #abort: () => void = () => undefined;

  constructor(channel: DirectTcpipRequest, connection: SshConnection<UserIdentity>, deps: JumpDeps) {
    this.#channel = channel;
    this.#connection = connection;
    this.#deps = deps;
  }

  async run(): Promise<void> {
    const target = parseTarget(this.#channel.host);
    if (target === undefined) {
      this.#refuse("not-a-target");
      return;
    }
    const request = this.#requestOf(target);
    const decision = decide(request, this.#deps.store.world(this.#deps.clock.now()));
    if (!decision.allowed) {
      this.#refuse(decision.reason, request);
      return;
    }
    const { user } = this.#connection.identity;
    if (this.#deps.sessions.count(user, "jump") >= this.#deps.maxSessionsPerUser) {
      this.#refuse("too-many-sessions", request);
      return;
    }
    await this.#carry(request, decision.grants);
  }

  #requestOf({ host, cluster }: { readonly host: string; readonly cluster: string }): JumpRequest {
    const { certificate, source, request } = this.#connection.identity;
    const { port } = this.#channel;
    const { secondFactor = false } = request;
    return {
      kind: "jump",
      identity: { by: "certificate", certificate },
      ...{ source, secondFactor, host, cluster, port },
    };
  }

  async #carry(request: JumpRequest, grants: readonly Grant[]): Promise<void> {
    const tunnel = this.#deps.tunnels.leastBusy(request.cluster);
    if (tunnel === undefined) {
      this.#refuse("no-tunnel", request);
      return;
    }
    // In the registry before the agent is asked: access may end while it dials.
    const session = this.#register(request, grants);
    const { user, source } = this.#connection.identity;
    const { host, port } = request;
    try {
      const far = await tunnel.open({ host, port, user, sessionId: session.id, clientAddress: source });
      await this.#splice(far, session, request, grants);
    } catch (error) {
      const reason = reasonOf(error);
      this.#deps.log.info("target not reached", { target: nameOf(request), ...errorFields(error) });
      if (session.live) this.#refuse(reason, request, session.id);
      session.end("failed");
    }
  }

  #register(request: JumpRequest, grants: readonly Grant[]): OpenSession {
    this.#abort = () => {
      this.#channel.refuse("prohibited", "access ended");
    };
    return this.#deps.sessions.open({
      kind: "jump",
      request,
      grants,
      target: nameOf(request),
      cluster: request.cluster,
      client: this.#connection.remoteAddress,
      cut: () => {
        this.#abort();
      },
    });
  }

  async #splice(
    far: SshChannel,
    session: OpenSession,
    request: JumpRequest,
    grants: readonly Grant[],
  ): Promise<void> {
    if (!session.live) {
      far.destroy();
      return;
    }
    const near = this.#channel.accept();
    const splice = spliceChannels(near, far);
    this.#abort = () => {
      splice.abort();
    };
    const [grant] = grants;
    this.#deps.audit.record({
      ...this.#lineOf(request, session.id),
      outcome: "allowed",
      ...(grant === undefined
        ? {}
        : { grant: { name: grant.name, uid: grant.uid, resourceVersion: grant.resourceVersion } }),
    });
    await splice.closed;
    const bytesIn = splice.bytesIn();
    const bytesOut = splice.bytesOut();
    session.end(endOf(near, far), { bytesIn, bytesOut });
  }

  #refuse(reason: JumpRefusal, request?: JumpRequest, session?: string): void {
    this.#deps.audit.record({ ...this.#lineOf(request, session), outcome: "denied", reason });
    const { code, text } = answerOf(reason);
    this.#channel.refuse(code, text);
  }

  #lineOf(
    request: JumpRequest | undefined,
    session?: string,
  ): Pick<AuditEvent, "event"> & Partial<AuditEvent> {
    return {
      event: "channel.open",
      user: this.#connection.identity.user,
      client: this.#connection.remoteAddress,
      ...(request === undefined ? {} : { cluster: request.cluster, target: nameOf(request) }),
      ...(session === undefined ? {} : { session }),
    };
  }
}

/** `host.cluster`, with the port when it is not SSH's own. */
function nameOf({ host, cluster, port }: JumpRequest): string {
  return port === 22 ? `${host}.${cluster}` : `${host}.${cluster}:${port}`;
}

/** Which side closed first cannot always be told; the side that is closed by its peer is the one that left. */
function endOf(near: SshChannel, far: SshChannel): OrdinaryEnd {
  return far.closedByPeer && !near.closedByPeer ? "target-closed" : "client-closed";
}

/** What the agent's answer, or the lack of one, means. */
function reasonOf(error: unknown): JumpRefusal {
  if (!(error instanceof ChannelRefusedError)) return "tunnel-lost";
  return AGENT_REFUSALS.find((refusal) => error.message.endsWith(`"${refusal}"`)) ?? "target-unreachable";
}

/** What the person's ssh prints: these say nothing about grants, only about the way. */
const ANSWERS: Readonly<Partial<Record<JumpRefusal, { readonly code: OpenRefusal; readonly text: string }>>> =
  {
    "not-a-target": { code: "prohibited", text: "access denied: a target is written host.cluster" },
    "too-many-sessions": { code: "resource-shortage", text: "too many sessions are open" },
    "no-tunnel": { code: "connect-failed", text: "the cluster has no connected agent" },
    "tunnel-lost": { code: "connect-failed", text: "the connection to the cluster's agent was lost" },
    "target-unreachable": { code: "connect-failed", text: "the agent cannot reach the target" },
    "too-many-channels": { code: "resource-shortage", text: "the agent has too many sessions open" },
    draining: { code: "connect-failed", text: "the agent is restarting; try again" },
  };

function answerOf(reason: JumpRefusal): { readonly code: OpenRefusal; readonly text: string } {
  const answer = ANSWERS[reason];
  if (answer !== undefined) return answer;
  return { code: "prohibited", text: isAccessRefusal(reason) ? textForPeople(reason) : "access denied" };
}

function isAccessRefusal(reason: JumpRefusal): reason is AccessRefusal {
  return !AGENT_REFUSALS.some((refusal) => refusal === reason);
}
