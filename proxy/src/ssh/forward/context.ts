/** What the parts of one forward connection share: who, where to, and how to ask whether something is allowed. */
import { decide } from "@teleport-access/access";
import type { AccessDecision, ForwardRequest, Grant } from "@teleport-access/access";
import type { SshConnection } from "@teleport-access/ssh";
import type { AuditEvent } from "@teleport-access/wire";
import type { LiveSession, OpenSession } from "../../sessions/registry.ts";
import type { UserIdentity } from "../authenticate.ts";
import type { JumpDeps } from "../jump.ts";
import type { ForwardRefusal } from "./refusal.ts";
import { addressOf } from "./target-name.ts";
import type { TargetName } from "./target-name.ts";

/** What is asked beyond being logged in at the target. */
export type Act = Pick<ForwardRequest, "permission" | "alsoPermission" | "terminal">;

/** A request that was allowed. */
export interface Allowed {
  readonly request: ForwardRequest;
  readonly grants: readonly Grant[];
}

/** One person's connection that names a target. */
export class ForwardContext {
  readonly connection: SshConnection<UserIdentity>;
  readonly target: TargetName;
  readonly deps: JumpDeps;

  constructor(connection: SshConnection<UserIdentity>, target: TargetName, deps: JumpDeps) {
    this.connection = connection;
    this.target = target;
    this.deps = deps;
  }

  /** Asks packages/access, now. */
  decide(act: Act): AccessDecision & { readonly request: ForwardRequest } {
    const request = this.#requestOf(act);
    return { ...decide(request, this.deps.store.world(this.deps.clock.now())), request };
  }

  #requestOf(act: Act): ForwardRequest {
    const { identity, source, secondFactor } = this.connection.identity.request;
    const { host, cluster, port, login } = this.target;
    const factor = secondFactor === undefined ? {} : { secondFactor };
    return { kind: "forward", identity, source, ...factor, host, cluster, port, login, ...act };
  }

  /** Puts something that was allowed into the registry, which judges it again whenever access changes. */
  open(
    kind: "forward" | "target",
    { request, grants }: Allowed,
    { cut, traffic }: Pick<LiveSession, "cut" | "traffic">,
  ): OpenSession {
    const { cluster, login } = this.target;
    const { id: connection, remoteAddress: client } = this.connection;
    const target = addressOf(this.target);
    const place = { target, cluster, login, client, connection };
    const counted = traffic === undefined ? {} : { traffic };
    return this.deps.sessions.open({ kind, request, grants, ...place, ...counted, cut });
  }

  /** Whether the person has as much open as one person may. */
  get full(): boolean {
    const { sessions, maxSessionsPerUser } = this.deps;
    return sessions.count(this.connection.identity.user, "forward") >= maxSessionsPerUser;
  }

  /** Writes down that something was not done. */
  denied(event: ForwardEvent, reason: ForwardRefusal, more: Partial<AuditEvent> = {}): void {
    this.#record(event, { outcome: "denied", reason, ...more });
  }

  /** Writes down that something was done, by the first of its grants. */
  allowed(event: ForwardEvent, [grant]: readonly Grant[], more: Partial<AuditEvent> = {}): void {
    const by =
      grant === undefined
        ? {}
        : { grant: { name: grant.name, uid: grant.uid, resourceVersion: grant.resourceVersion } };
    this.#record(event, { outcome: "allowed", ...by, ...more });
  }

  #record(event: ForwardEvent, rest: Pick<AuditEvent, "outcome"> & Partial<AuditEvent>): void {
    const { login, cluster } = this.target;
    this.deps.audit.record({
      event,
      user: this.connection.identity.user,
      client: this.connection.remoteAddress,
      connection: this.connection.id,
      ...{ cluster, target: addressOf(this.target), login },
      ...rest,
    });
  }
}

/** The audit events of the forward form. */
export type ForwardEvent = "target.login" | "channel.open" | "channel.request";
