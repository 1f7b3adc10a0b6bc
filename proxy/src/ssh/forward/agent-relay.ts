/**
 * One agent channel of a target and the person's agent: a question at a time, in order. What may not reach the agent
 * is answered here, in its turn; what is no message of the protocol ends both.
 *
 * The target is read while nothing of it waits, so the channel costs one question, one answer and a window.
 */
import type { SshChannel } from "@teleport-access/ssh";
import { AGENT_FAILURE, AgentFrames, reachesAgent } from "./agent-messages.ts";

/** A running relay. */
export interface AgentRelay {
  /** Resolves when both channels are closed. Never rejects. */
  readonly closed: Promise<void>;
  /** Cuts both channels now. */
  abort(): void;
}

/** Relays until both are closed. Nobody else may use them any more. `refused` hears of the first refused question. */
export function relayAgent(
  target: SshChannel,
  agent: SshChannel,
  refused: (type: number) => void,
): AgentRelay {
  return new Relay(target, agent, refused);
}

class Relay implements AgentRelay {
  readonly closed: Promise<void>;
  readonly #target: SshChannel;
  readonly #agent: SshChannel;
  readonly #questions = new AgentFrames();
  readonly #answers = new AgentFrames();
  #refused: ((type: number) => void) | undefined;
  /** The agent has a question. */
  #asking = false;
  /** The target has no more questions. */
  #ended = false;
  #over = false;

  constructor(target: SshChannel, agent: SshChannel, refused: (type: number) => void) {
    this.#refused = refused;
    this.#target = target;
    this.#agent = agent;
    this.closed = Promise.all([closing(target), closing(agent)]).then(() => undefined);
    this.#listenToTarget();
    this.#listenToAgent();
    if (target.destroyed || agent.destroyed) this.abort();
  }

  #listenToTarget(): void {
    const target = this.#target;
    target.on("data", (chunk: Buffer) => {
      if (this.#over) return;
      this.#questions.push(chunk);
      this.#ask();
    });
    target.on("drain", () => {
      this.#ask();
    });
    target.once("end", () => {
      this.#ended = true;
      this.#ask();
    });
    // Nobody is left to answer, though the agent may still be asking the person.
    target.onOver = () => {
      this.abort();
    };
  }

  #listenToAgent(): void {
    const agent = this.#agent;
    agent.on("data", (chunk: Buffer) => {
      if (this.#over) return;
      this.#answers.push(chunk);
      this.#answer();
    });
    agent.once("end", () => {
      this.#finish();
    });
    agent.once("close", () => {
      this.#finish();
    });
  }

  /** Puts questions to the agent, or answers them, until one waits for an answer or the target for room. */
  #ask(): void {
    while (!this.#over && !this.#asking && !this.#target.writableNeedDrain) {
      const question = this.#questions.next();
      if (question === "more") {
        if (this.#ended) this.#finish();
        else this.#target.resume();
        return;
      }
      if (question === "malformed") {
        this.abort();
        return;
      }
      this.#asking = reachesAgent(question);
      if (this.#asking) this.#agent.write(question);
      else this.#refuse(question);
    }
    if (!this.#over) this.#target.pause();
  }

  #refuse(question: Buffer): void {
    this.#target.write(AGENT_FAILURE);
    this.#refused?.(question[4] ?? 0);
    this.#refused = undefined;
  }

  #answer(): void {
    const answer = this.#asking ? this.#answers.next() : "malformed";
    if (answer === "more") return;
    // An agent that says more than it was asked for is none.
    if (answer === "malformed" || this.#answers.length > 0) {
      this.abort();
      return;
    }
    this.#asking = false;
    this.#target.write(answer);
    this.#ask();
  }

  /** Either side has no more to say: what was said still arrives. */
  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#agent.close();
    this.#target.close();
  }

  abort(): void {
    this.#over = true;
    this.#agent.destroy();
    this.#target.destroy();
  }
}

async function closing(channel: SshChannel): Promise<void> {
  if (channel.closed) return;
  await new Promise<void>((resolve) => {
    channel.once("close", () => {
      resolve();
    });
  });
}
