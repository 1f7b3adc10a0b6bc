/**
 * Is the peer still there? (design, section 9)
 *
 * The kernel finds vanished hosts (transport.ts turns its probes on). This file
 * finds processes that hang behind a healthy kernel: it asks after silence, often
 * while we wait for something, seldom otherwise, and gives up after a few asks
 * without any byte in return. Silence is counted in asks, not in time, so that
 * a process that was itself suspended does not condemn its peers on waking up.
 */
import type { Clock } from "@teleport-access/daemon";

import { SshError } from "./errors.ts";
import type { Transport } from "./transport.ts";

export interface KeepalivePolicy {
  /** How often to look. While bytes are outstanding, each look at a silent peer asks. */
  readonly lookEveryMs: number;
  /** Looks of silence, with nothing outstanding, before asking. */
  readonly idleLooks: number;
  /** Asks without an answer after which the next look cuts. */
  readonly unanswered: number;
}

/**
 * Tunnels: a hung peer with bytes outstanding is noticed within 10 s, an idle one within 12.5 s. The answer to one
 * side counts as a sign of life for the other, so an idle tunnel costs one question and one answer each five seconds.
 */
export const TUNNEL_KEEPALIVE: KeepalivePolicy = { lookEveryMs: 2_500, idleLooks: 2, unanswered: 2 };

/** People suspend their ssh with ~^Z or ^Z and come back: they get five minutes. */
export const USER_KEEPALIVE: KeepalivePolicy = { lookEveryMs: 30_000, idleLooks: 2, unanswered: 10 };

export interface Watched {
  readonly received: number;
  readonly sent: number;
  /** Bytes that the socket has not taken. */
  readonly queued: number;
}

export type KeepaliveStep = "wait" | "ask" | "cut";

/** Decides what to do at each look; keeps only counts. */
export class KeepaliveJudge {
  readonly #policy: KeepalivePolicy;
  #received = 0;
  /** What had been sent when the peer was last heard. */
  #sentWhenHeard = 0;
  #silentLooks = 0;
  #asked = 0;

  constructor(policy: KeepalivePolicy) {
    this.#policy = policy;
  }

  look({ received, sent, queued }: Watched): KeepaliveStep {
    if (received !== this.#received) {
      this.#received = received;
      this.#sentWhenHeard = sent;
      this.#silentLooks = 0;
      this.#asked = 0;
      return "wait";
    }
    this.#silentLooks += 1;
    if (this.#asked >= this.#policy.unanswered) return "cut";
    const outstanding = queued > 0 || sent > this.#sentWhenHeard;
    if (!outstanding && this.#silentLooks < this.#policy.idleLooks) return "wait";
    this.#asked += 1;
    return "ask";
  }
}

/** Looks after a connection until it ends. Returns what stops it. */
export function startKeepalive(
  transport: Transport,
  ping: () => void,
  { clock, policy }: { readonly clock: Clock; readonly policy: KeepalivePolicy },
): () => void {
  const judge = new KeepaliveJudge(policy);
  let timer = clock.setTimer(policy.lookEveryMs, look);
  function look(): void {
    const { bytesReceived: received, output } = transport;
    const step = judge.look({ received, sent: output.bytes, queued: output.pending });
    if (step === "cut") {
      // Half-closing would leave a dead tunnel registered: destroy.
      transport.destroy(new SshError("SSH_TIMEOUT", "the peer does not answer"));
      return;
    }
    if (step === "ask") ping();
    timer = clock.setTimer(policy.lookEveryMs, look);
  }
  return function stop() {
    timer.cancel();
  };
}
