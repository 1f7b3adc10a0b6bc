/**
 * The jump form: `ssh -J` opens a direct-tcpip channel to `host.cluster`, and the proxy carries
 * its bytes to the target's sshd through a tunnel. It sees ciphertext only; whether the jump is
 * covered is decided here when it opens, and by the session registry for as long as it lives.
 */
import { decide, textForPeople } from "@teleport-access/access";
import type { AccessRefusal, Grant, JumpRequest } from "@teleport-access/access";
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger } from "@teleport-access/daemon";
import { spliceChannels } from "@teleport-access/ssh";
import type { DirectTcpipRequest, RekeyPolicy, SshChannel, SshConnection } from "@teleport-access/ssh";
import { parseTarget } from "@teleport-access/wire";
import type { AuditEvent } from "@teleport-access/wire";
import type { AccessStore } from "../acl/store.ts";
import type { Audit } from "../audit.ts";
import type { OpenSession, OrdinaryEnd, SessionRegistry, Traffic } from "../sessions/registry.ts";
import type { TunnelRegistry } from "../tunnel/registry.ts";
import type { UserIdentity } from "./authenticate.ts";
import { DIAL_ANSWERS, dialRefusalOf, isDialRefusal } from "./dial-refusal.ts";
import type { DialRefusal, OpenAnswer } from "./dial-refusal.ts";
import { dialTarget } from "./target-dial.ts";
import type { Way } from "./target-dial.ts";

/** Why a channel to a target is not opened. */
export type JumpRefusal =
  | AccessRefusal
  | DialRefusal
  /** The name is not `host.cluster`. */
  | "not-a-target"
  | "too-many-sessions";

/** What a jump needs from the proxy. */
export interface JumpDeps {
  readonly store: AccessStore;
  readonly sessions: SessionRegistry;
  readonly tunnels: Pick<TunnelRegistry, "leastBusy">;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxSessionsPerUser: number;
  /** Of the forward form's connections to targets. */
  readonly rekey?: RekeyPolicy | undefined;
}

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
  #traffic: () => Traffic = () => ({ bytesIn: 0, bytesOut: 0 });

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
    if (this.#deps.tunnels.leastBusy(request.cluster) === undefined) {
      this.#refuse("no-tunnel", request);
      return;
    }
    // In the registry before the agent is asked: access may end while it dials.
    const session = this.#register(request, grants);
    try {
      const { channel, tunnel } = await this.#dial(request, session);
      const reason = await this.#splice(channel, session, request, grants);
      if (reason === undefined) return;
      session.end(tunnel.ended ? "tunnel-lost" : reason, this.#traffic());
    } catch (error) {
      const reason = dialRefusalOf(error);
      this.#deps.log.info("target not reached", { target: nameOf(request), ...errorFields(error) });
      if (session.live) this.#refuse(reason, request, session.id);
      session.end("failed");
    }
  }

  #dial(request: JumpRequest, session: OpenSession): Promise<Way> {
    const { user, source } = this.#connection.identity;
    const { host, port, cluster } = request;
    return dialTarget(
      {
        cluster,
        request: { host, port, user, sessionId: session.id, clientAddress: source },
        form: "jump",
        line: { user, cluster, target: nameOf(request), connection: this.#connection.id },
        wanted: () => session.live,
      },
      this.#deps,
    );
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
      connection: this.#connection.id,
      traffic: () => this.#traffic(),
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
  ): Promise<OrdinaryEnd | undefined> {
    if (!session.live) {
      far.destroy();
      return undefined;
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
    this.#traffic = () => ({ bytesIn: splice.bytesIn(), bytesOut: splice.bytesOut() });
    await splice.closed;
    return splice.endedBy() === "second" ? "target-closed" : "client-closed";
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
      connection: this.#connection.id,
      detail: { form: "jump" },
      ...(request === undefined ? {} : { cluster: request.cluster, target: nameOf(request) }),
      ...(session === undefined ? {} : { session }),
    };
  }
}

/** `host.cluster`, with the port when it is not SSH's own. */
function nameOf({ host, cluster, port }: JumpRequest): string {
  return port === 22 ? `${host}.${cluster}` : `${host}.${cluster}:${port}`;
}

/** What the person's ssh prints: these say nothing about grants, only about the way. */
function answerOf(reason: JumpRefusal): OpenAnswer {
  if (isDialRefusal(reason)) return DIAL_ANSWERS[reason];
  switch (reason) {
    case "not-a-target":
      return { code: "prohibited", text: "access denied: a target is written host.cluster" };
    case "too-many-sessions":
      return { code: "resource-shortage", text: "too many sessions are open" };
    default:
      return { code: "prohibited", text: textForPeople(reason) };
  }
}
