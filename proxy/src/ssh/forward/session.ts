/**
 * One session of a person in the forward form: what they ask for is judged request by request, started at the
 * target in the same order, and from then on relayed. Every refusal is a line on their error output.
 */
import { relaySession } from "@teleport-access/ssh";
import type {
  PtyRequest,
  SessionPlan,
  SessionRelay,
  SessionStart,
  SshChannel,
  SshSession,
} from "@teleport-access/ssh";
import type { AuditEvent } from "@teleport-access/wire";
import type { OpenSession, Traffic } from "../../sessions/registry.ts";
import type { Allowed, ForwardContext } from "./context.ts";
import { isAcceptedVariable } from "./environment.ts";
import { needsOf, startAllowedBy } from "./needs.ts";
import type { Needs } from "./needs.ts";
import { failureOf, lineOf, sentenceOf } from "./refusal.ts";
import type { Asked, ForwardRefusal } from "./refusal.ts";
import type { TargetLink } from "./target-link.ts";

/** As ssh itself exits when it cannot do what it was asked for. */
const REFUSED_STATUS = 255;

type Reply = (accepted: boolean) => void;

/** What a session shares with the others of its connection. */
export interface SessionDeps {
  readonly context: ForwardContext;
  readonly link: TargetLink;
  /** Sentences that wait for somebody who can read them. */
  takeNotices(): readonly string[];
}

/** Serves an accepted session. */
export function serveSession(session: SshSession, deps: SessionDeps): void {
  new ForwardSession(session, deps).listen();
}

class ForwardSession {
  readonly #session: SshSession;
  readonly #deps: SessionDeps;
  readonly #environment: Record<string, string> = {};
  #pty: PtyRequest | undefined;
  #agentForwarding = false;
  #relay: SessionRelay | undefined;

  constructor(session: SshSession, deps: SessionDeps) {
    this.#session = session;
    this.#deps = deps;
  }

  listen(): void {
    const { link } = this.#deps;
    this.#session.onAgentForwarding(() => {
      link.offerAgent();
      this.#agentForwarding = this.#deps.context.decide({ permission: "AgentForwarding" }).allowed;
      // Also where it does not go on to the target: the login needs it.
      return true;
    });
    this.#session.onEnvironment((name, value) => {
      if (!isAcceptedVariable(name)) return false;
      this.#environment[name] = value;
      return true;
    });
    this.#session.onPty((pty) => this.#askForTerminal(pty));
    this.#session.onWindowChange((size) => {
      if (this.#pty !== undefined) this.#pty = { ...this.#pty, ...size };
    });
    this.#session.onUnknown((name) => {
      if (name === "x11-req") this.#refuseRequest("x11-not-offered", name);
    });
    this.#session.onStart((start) => (reply) => {
      void this.#start(start, reply);
    });
  }

  /** A terminal is for a shell or for a command; which of the two comes next is not known yet. */
  #askForTerminal(pty: PtyRequest): boolean {
    if (this.#pty !== undefined) return false;
    const { context } = this.#deps;
    const decisions = (["Shell", "Exec"] as const).map((permission) =>
      context.decide({ permission, terminal: true }),
    );
    const [first] = decisions;
    if (first?.allowed === false && !decisions.some(({ allowed }) => allowed)) {
      this.#refuseRequest(first.reason, "pty-req", "terminal");
      return false;
    }
    this.#pty = pty;
    // At once: some clients start nothing before they have the answer.
    return true;
  }

  /** Something beside the session itself; the session goes on without it. */
  #refuseRequest(reason: ForwardRefusal, request: string, asked?: Asked): void {
    const { context } = this.#deps;
    context.denied("channel.request", reason, { detail: { request } });
    this.#session.tell(this.#lineOf(reason, asked));
  }

  #lineOf(reason: ForwardRefusal, wanted?: Asked): string {
    return lineOf(sentenceOf(reason, this.#deps.context.target, wanted), this.#pty !== undefined);
  }

  /** What was had and is taken away was not denied. */
  #lineAtEnd(reason: ForwardRefusal): string {
    return this.#lineOf(reason).replace("access denied", "access ended");
  }

  async #start(asked: SessionStart, reply: Reply): Promise<void> {
    const { context, link } = this.#deps;
    const start = startAllowedBy(context.connection.identity.certificate, asked);
    if (start === undefined) {
      this.#refuse("certificate-unknown-critical-option", { start: asked, reply, needs: needsOf(asked) });
      return;
    }
    const begun = { start, reply, needs: needsOf(start) };
    const decision = context.decide({ ...begun.needs, terminal: this.#pty !== undefined });
    if (!decision.allowed) {
      this.#refuse(decision.reason, begun);
      return;
    }
    if (context.full || !link.usable) {
      this.#refuse(context.full ? "too-many-sessions" : "agent-not-forwarded", begun);
      return;
    }
    await this.#carry(begun, decision);
  }

  async #carry(begun: Begun, allowed: Allowed): Promise<void> {
    const { context, link } = this.#deps;
    // In the registry before anybody is asked: access may end while the target is logged in to.
    const entry = context.open("forward", allowed, {
      traffic: () => this.#traffic(),
      cut: (reason) => {
        const line = this.#lineAtEnd(reason);
        if (this.#relay === undefined) this.#leave(line, begun);
        else this.#relay.cut(line);
      },
    });
    try {
      const target = await link.connect();
      const far = await target.openChannel("session", Buffer.alloc(0));
      if (entry.live) await this.#relayTo(far, { begun, allowed, entry });
      else far.destroy();
    } catch (error) {
      if (entry.live) this.#refuse(failureOf(error).reason, begun, entry.id);
      entry.end("failed");
    }
  }

  async #relayTo(far: SshChannel, { begun, allowed, entry }: Carried): Promise<void> {
    const { context, link } = this.#deps;
    const { start, reply } = begun;
    for (const notice of this.#deps.takeNotices()) {
      this.#session.tell(lineOf(notice, this.#pty !== undefined));
    }
    if (this.#agentForwarding) link.forwardAgent();
    const plan: SessionPlan = {
      agentForwarding: this.#agentForwarding,
      environment: this.#environment,
      start,
      ...(this.#pty === undefined ? {} : { pty: this.#pty }),
    };
    const relay = relaySession(this.#session, far, {
      plan,
      lost: () => this.#lineAtEnd(link.endReason),
      ptyAnswered: (accepted) => {
        if (!accepted) this.#refuseRequest("target-without-terminal", "pty-req");
      },
      startAnswered: reply,
    });
    this.#relay = relay;
    context.allowed("channel.open", allowed.grants, { session: entry.id, detail: detailOf(start, plan) });
    await relay.closed;
    entry.end(relay.endedBy() === "second" ? "target-closed" : "client-closed", this.#traffic());
  }

  #traffic(): Traffic {
    return { bytesIn: this.#relay?.bytesIn() ?? 0, bytesOut: this.#relay?.bytesOut() ?? 0 };
  }

  #refuse(reason: ForwardRefusal, begun: Begun, session?: string): void {
    const { start, needs } = begun;
    this.#deps.context.denied("channel.open", reason, {
      ...(session === undefined ? {} : { session }),
      detail: { request: start.kind },
    });
    this.#leave(this.#lineOf(reason, needs.permission), begun);
  }

  /** Accepted, so that the client prints what follows: a line, and a status as its own. */
  #leave(line: string, { reply }: Begun): void {
    reply(true);
    this.#session.stderr.write(line);
    this.#session.exit(REFUSED_STATUS);
  }
}

/** Something that the client asked to be started. */
interface Begun {
  readonly start: SessionStart;
  readonly reply: Reply;
  readonly needs: Needs;
}

interface Carried {
  readonly begun: Begun;
  readonly allowed: Allowed;
  readonly entry: OpenSession;
}

/** What the audit log says of it; a command line may hold secrets. */
function detailOf(
  start: SessionStart,
  { pty, agentForwarding }: SessionPlan,
): NonNullable<AuditEvent["detail"]> {
  const request = start.kind === "subsystem" ? `subsystem ${start.name}` : start.kind;
  return { form: "forward", request, terminal: pty !== undefined, agentForwarding };
}
