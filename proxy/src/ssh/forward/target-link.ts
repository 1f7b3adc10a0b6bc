/**
 * The way to the target that everything in one connection of a person shares: dialled as soon as the person is
 * known, logged in when something needs it, dialled anew after it was lost.
 */
import type { Timer } from "@teleport-access/daemon";
import type { SshClientConnection } from "@teleport-access/ssh";
import type { ForwardContext } from "./context.ts";
import { LoginAttempt } from "./login-attempt.ts";
import { serveOnwardAgent } from "./onward-agent.ts";
import { ForwardFailure } from "./refusal.ts";
import type { ForwardRefusal } from "./refusal.ts";

/** A client opens its session at once; one that does not (`ssh -N`) must not keep an unused connection at a target. */
const PREPARED_MS = 10_000;

export class TargetLink {
  readonly #context: ForwardContext;
  #attempt: LoginAttempt | undefined;
  #timer: Timer | undefined;
  #agentOffered = false;
  #forwardsAgent = false;
  #ended = false;
  #served: SshClientConnection | undefined;

  constructor(context: ForwardContext) {
    this.#context = context;
  }

  /** Whether the target was told that it may use the person's agent. */
  get forwardsAgent(): boolean {
    return this.#forwardsAgent;
  }

  /** The target is told that it may use the person's agent. */
  forwardAgent(): void {
    this.#forwardsAgent = true;
  }

  /** Whether a session can count on being logged in: it is, or an agent was forwarded that can do it. */
  get usable(): boolean {
    return this.#agentOffered || this.#attempt?.up === true;
  }

  /** Why what is open at the target ended, once it did. */
  get endReason(): ForwardRefusal {
    return this.#attempt?.endReason ?? "target-lost";
  }

  /** Dials, so that the target's key exchange is over when a session needs it. Nothing where nothing is granted. */
  prepare(): void {
    const decision = this.#context.decide({});
    if (!decision.allowed) return;
    const attempt = new LoginAttempt(this.#context, decision);
    this.#attempt = attempt;
    this.#timer = this.#context.deps.clock.setTimer(PREPARED_MS, () => {
      if (attempt.wanted) return;
      attempt.end("client-closed");
      // It did not fail: the first that asks later gets a new one.
      if (this.#attempt === attempt) this.#attempt = undefined;
    });
  }

  /** The client forwards an agent: it is asked at once, since a session follows. */
  offerAgent(): void {
    this.#agentOffered = true;
    if (this.#attempt?.over === false) this.#attempt.askAgent();
  }

  /** The logged-in connection. Rejects with ForwardFailure. */
  async connect(): Promise<SshClientConnection> {
    const attempt = this.#current();
    attempt.askAgent();
    try {
      const target = await attempt.connection;
      if (this.#served !== target) {
        this.#served = target;
        serveOnwardAgent(target, this.#context, () => this.#forwardsAgent);
      }
      return target;
    } catch (error) {
      // Whoever comes next tries again.
      if (this.#attempt === attempt) this.#attempt = undefined;
      throw error;
    }
  }

  #current(): LoginAttempt {
    if (this.#ended) throw new ForwardFailure("target-lost");
    const known = this.#attempt;
    // A prepared one that failed is not tried twice for the first that asks.
    if (known !== undefined && (!known.over || !known.wanted)) return known;
    const decision = this.#context.decide({});
    if (!decision.allowed) throw new ForwardFailure(decision.reason);
    this.#attempt = new LoginAttempt(this.#context, decision);
    return this.#attempt;
  }

  /** The person has left. */
  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#attempt?.end("client-closed");
  }
}
