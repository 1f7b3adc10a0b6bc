/**
 * Asks a cluster's agents to dial a target: the least busy tunnel first, another one when it does not answer soon or
 * cannot take it. Writes down who was asked, what for, what came of it and how long it took.
 */
import type { Clock, Timer } from "@teleport-access/daemon";
import { SshError } from "@teleport-access/ssh";
import type { SshChannel } from "@teleport-access/ssh";
import type { AuditEvent, TransportRequest } from "@teleport-access/wire";
import type { Audit } from "../audit.ts";
import { PATIENCE_MS } from "../tunnel/answers.ts";
import type { Tunnel, TunnelRegistry } from "../tunnel/registry.ts";
import { dialRefusalOf } from "./dial-refusal.ts";
import type { DialRefusal } from "./dial-refusal.ts";

/** Tunnels that one dial may ask: both of an agent that hangs, and one of another. */
const MAX_ASKED = 3;

/** What another tunnel may do better: the target itself had no part in them. */
const NOT_THE_TARGET: readonly DialRefusal[] = [
  "agent-silent",
  "draining",
  "too-many-channels",
  "tunnel-lost",
];

/** What a dial needs from the proxy. */
export interface TargetDialDeps {
  readonly tunnels: Pick<TunnelRegistry, "leastBusy">;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** One dial: for what, and what the lines say of the person and the target. */
export interface Dial {
  readonly cluster: string;
  readonly request: TransportRequest;
  readonly form: "jump" | "forward";
  readonly line: Pick<AuditEvent, "user" | "cluster" | "target" | "connection">;
  /** Whether somebody still waits for it: nobody else is asked otherwise. */
  wanted(): boolean;
}

/** The way to a target. */
export interface Way {
  readonly channel: SshChannel;
  readonly tunnel: Tunnel;
}

/** Resolves with the first way that opens. Rejects with what the last tunnel rejected with; every tunnel asked has its line. */
export function dialTarget(dial: Dial, deps: TargetDialDeps): Promise<Way> {
  return new Promise((resolve, reject) => {
    new TargetDial({ dial, deps, resolve, reject }).askNext();
  });
}

interface Parts {
  readonly dial: Dial;
  readonly deps: TargetDialDeps;
  resolve(way: Way): void;
  reject(error: unknown): void;
}

interface Asked {
  readonly tunnel: Tunnel;
  readonly since: number;
}

class TargetDial {
  readonly #parts: Parts;
  readonly #asked: Tunnel[] = [];
  /** Those that have not answered. */
  readonly #waiting = new Set<Asked>();
  #timer: Timer | undefined;
  #error: unknown = new SshError("SSH_CONNECTION_CLOSED", "no tunnel");

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Asks one more; gives up when there is none and nobody is left to answer. */
  askNext(): void {
    this.#timer?.cancel();
    const { dial, deps } = this.#parts;
    const more = this.#asked.length < MAX_ASKED && dial.wanted();
    const tunnel = more ? deps.tunnels.leastBusy(dial.cluster, this.#asked) : undefined;
    if (tunnel !== undefined) this.#ask(tunnel);
    else if (this.#waiting.size === 0) this.#fail();
  }

  #ask(tunnel: Tunnel): void {
    const { clock } = this.#parts.deps;
    const asked = { tunnel, since: clock.monotonic() };
    this.#asked.push(tunnel);
    this.#waiting.add(asked);
    this.#timer = clock.setTimer(PATIENCE_MS, () => {
      this.askNext();
    });
    tunnel.open(this.#parts.dial.request).then(
      (channel) => {
        this.#opened(asked, channel);
      },
      (error: unknown) => {
        this.#refused(asked, error);
      },
    );
  }

  #opened(asked: Asked, channel: SshChannel): void {
    if (!this.#waiting.delete(asked)) {
      // Another tunnel was faster.
      channel.destroy();
      return;
    }
    this.#record(asked, { outcome: "allowed" });
    this.#settle();
    this.#parts.resolve({ channel, tunnel: asked.tunnel });
  }

  #refused(asked: Asked, error: unknown): void {
    if (!this.#waiting.delete(asked)) return;
    const reason = dialRefusalOf(error);
    this.#record(asked, { outcome: "denied", reason });
    this.#error = error;
    if (NOT_THE_TARGET.includes(reason)) this.askNext();
    else this.#fail();
  }

  #fail(): void {
    this.#settle();
    this.#parts.reject(this.#error);
  }

  #settle(): void {
    this.#timer?.cancel();
    for (const asked of this.#waiting) this.#record(asked, { outcome: "denied", reason: "agent-silent" });
    this.#waiting.clear();
  }

  #record({ tunnel, since }: Asked, result: Pick<AuditEvent, "outcome" | "reason">): void {
    const { dial, deps } = this.#parts;
    const { clientAddress, sessionId } = dial.request;
    deps.audit.record({
      event: "target.dial",
      ...result,
      ...dial.line,
      client: clientAddress,
      session: sessionId,
      elapsedMs: Math.round((deps.clock.monotonic() - since) * 1000) / 1000,
      detail: { form: dial.form, agent: tunnel.agent },
    });
  }
}
