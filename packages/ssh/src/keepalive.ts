/**
 * Is the peer still there? (design, section 9)
 *
 * The kernel finds vanished hosts (tune-socket.ts turns its probes on). This file
 * finds processes that hang behind a healthy kernel: it asks after silence, soon
 * while we wait for something, late otherwise, and gives up when no byte comes in
 * return. Silence is counted in looks, not in time, so that a process that was
 * itself suspended does not condemn its peers on waking up (rounds.ts).
 *
 * Any byte is a sign of life, so one side's question and the other's answer serve both. Of a
 * tunnel, the proxy asks first: its questions leave many at a time, and their answers come so.
 */
import type { Clock } from "@teleport-access/daemon";

import { SshError } from "./errors.ts";
import { lookEvery } from "./rounds.ts";
import type { Transport } from "./transport.ts";

export interface KeepalivePolicy {
  /** How often to look. */
  readonly lookEveryMs: number;
  /** Looks of silence before asking, with nothing outstanding: by chance between the two, so that many do not ask in step. */
  readonly idleLooks: readonly [least: number, most: number];
  /** The same while we wait for the peer, be it for an answer or to read what we send. */
  readonly outstandingLooks: number;
  /** Looks after the question. The one after these cuts, unless a byte came. */
  readonly answerLooks: number;
}

/**
 * The proxy's side of a tunnel. With the look that it takes to see that nothing came, a hung agent is noticed within
 * 7 s while something is outstanding and within 13.5 s otherwise; it has 4 s for its answer.
 */
export const TUNNEL_KEEPALIVE: KeepalivePolicy = {
  lookEveryMs: 500,
  idleLooks: [14, 18],
  outstandingLooks: 5,
  answerLooks: 7,
};

/** The agent's side: idle, it asks only when the proxy has not, and gives up within 14 s. */
export const AGENT_KEEPALIVE: KeepalivePolicy = { ...TUNNEL_KEEPALIVE, idleLooks: [19, 19] };

/** People suspend their ssh with ~^Z or ^Z and come back: they get five minutes. */
export const USER_KEEPALIVE: KeepalivePolicy = {
  lookEveryMs: 30_000,
  idleLooks: [2, 2],
  outstandingLooks: 1,
  answerLooks: 9,
};

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
  readonly #idleLooks: number;
  #received = 0;
  /** What had been sent when the peer was last heard. */
  #sentWhenHeard = 0;
  #silentLooks = 0;
  /** The silent look at which we asked; 0 before that. */
  #askedAt = 0;

  constructor(policy: KeepalivePolicy, random: () => number = Math.random) {
    const [least, most] = policy.idleLooks;
    this.#policy = policy;
    this.#idleLooks = least + Math.floor(random() * (most - least + 1));
  }

  look({ received, sent, queued }: Watched): KeepaliveStep {
    if (received !== this.#received) {
      this.#received = received;
      this.#sentWhenHeard = sent;
      this.#silentLooks = 0;
      this.#askedAt = 0;
      return "wait";
    }
    this.#silentLooks += 1;
    const { outstandingLooks, answerLooks } = this.#policy;
    if (this.#askedAt > 0) return this.#silentLooks - this.#askedAt > answerLooks ? "cut" : "wait";
    const outstanding = queued > 0 || sent > this.#sentWhenHeard;
    if (this.#silentLooks < (outstanding ? outstandingLooks : this.#idleLooks)) return "wait";
    this.#askedAt = this.#silentLooks;
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
  function look(): void {
    const { bytesReceived: received, output } = transport;
    const step = judge.look({ received, sent: output.bytes, queued: output.pending });
    if (step === "ask") {
      ping();
      // At the end of the turn, each of the many who are asked in it would hold a buffer until then.
      output.flush();
    }
    // Half-closing would leave a dead tunnel registered: destroy.
    if (step === "cut") transport.destroy(new SshError("SSH_TIMEOUT", "the peer does not answer"));
  }
  return lookEvery(policy.lookEveryMs, look, clock);
}
