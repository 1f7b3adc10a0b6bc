/**
 * The control channel of a tunnel: one JSON object a line, at most 64 KiB each.
 *
 * The first message of each side is its hello. Types that a newer peer may send
 * are skipped; a known type with a wrong field ends the tunnel.
 */
import { fields, integer, list, string } from "@teleport-access/daemon";

import { fingerprints } from "./key-lines.ts";
import {
  CONTROL_MESSAGE_BURST,
  CONTROL_MESSAGES_PER_SECOND,
  MAX_CONTROL_MESSAGE_BYTES,
  MAX_LABEL_LENGTH,
  MAX_NAME_LENGTH,
  MAX_REPLICAS,
} from "./limits.ts";
import { CLUSTER_NAME, OBJECT_NAME } from "./names.ts";
import { parseAnnouncedTargets } from "./targets.ts";
import type { AnnouncedTarget } from "./targets.ts";
import { asWireError, WireError } from "./wire-error.ts";

/** Both sides speak this version; a hello with a higher one still means that this one is understood. */
export const CONTROL_VERSION = 1;

/** What a proxy tells an agent. */
export type ProxyMessage =
  | {
      readonly type: "hello";
      readonly version: number;
      readonly proxy: string;
      /** The pod that this tunnel ends at. */
      readonly replica: string;
      /** The host CAs that the proxy trusts for the agent's cluster. */
      readonly hostCAFingerprints: readonly string[];
    }
  /** All pods of the proxy that the agent should have tunnels to. */
  | { readonly type: "replicas"; readonly replicas: readonly string[] }
  /** The trust of the hello has changed. */
  | { readonly type: "authorities"; readonly hostCAFingerprints: readonly string[] }
  /** This replica is going: connect elsewhere, expect no new channels here. */
  | { readonly type: "drain" };

/** What an agent tells a proxy. */
export type AgentMessage =
  | {
      readonly type: "hello";
      readonly version: number;
      /** The agent's pod. */
      readonly agent: string;
      readonly cluster: string;
      /** The user CAs of this proxy in the agent's configuration. */
      readonly userCAFingerprints: readonly string[];
      readonly targets: readonly AnnouncedTarget[];
    }
  /** The configuration behind the hello has changed. */
  | {
      readonly type: "targets";
      readonly userCAFingerprints: readonly string[];
      readonly targets: readonly AnnouncedTarget[];
    };

/** One line with its newline. @throws WireError when it would be too long */
export function encodeControlMessage(message: ProxyMessage | AgentMessage): Buffer {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  if (line.length > MAX_CONTROL_MESSAGE_BYTES)
    throw new WireError(`control message ${message.type}: too long`);
  return line;
}

/** Undefined for a type that we do not know. @throws WireError */
export function parseProxyMessage(value: unknown): ProxyMessage | undefined {
  return asWireError("control message", () => {
    const message = fields(value, "message");
    switch (message["type"]) {
      case "hello":
        return {
          type: "hello",
          version: version(message["version"]),
          proxy: objectName(message["proxy"], "proxy"),
          replica: objectName(message["replica"], "replica"),
          hostCAFingerprints: fingerprints(message["hostCAFingerprints"], "hostCAFingerprints"),
        };
      case "replicas":
        return {
          type: "replicas",
          replicas: list(message["replicas"], "replicas", objectName, { max: MAX_REPLICAS }),
        };
      case "authorities":
        return {
          type: "authorities",
          hostCAFingerprints: fingerprints(message["hostCAFingerprints"], "hostCAFingerprints"),
        };
      case "drain":
        return { type: "drain" };
      default:
        checkType(message["type"]);
        return undefined;
    }
  });
}

/** Undefined for a type that we do not know. @throws WireError */
export function parseAgentMessage(value: unknown): AgentMessage | undefined {
  return asWireError("control message", () => {
    const message = fields(value, "message");
    switch (message["type"]) {
      case "hello":
        return {
          type: "hello",
          version: version(message["version"]),
          agent: objectName(message["agent"], "agent"),
          cluster: string(message["cluster"], "cluster", {
            max: MAX_LABEL_LENGTH,
            pattern: CLUSTER_NAME,
            description: "a cluster's name",
          }),
          ...announcement(message),
        };
      case "targets":
        return { type: "targets", ...announcement(message) };
      default:
        checkType(message["type"]);
        return undefined;
    }
  });
}

function announcement(message: Readonly<Record<string, unknown>>): {
  readonly userCAFingerprints: readonly string[];
  readonly targets: readonly AnnouncedTarget[];
} {
  return {
    userCAFingerprints: fingerprints(message["userCAFingerprints"], "userCAFingerprints"),
    targets: parseAnnouncedTargets(message["targets"], "targets"),
  };
}

function version(value: unknown): number {
  return integer(value, "version", { min: CONTROL_VERSION, max: 1000 });
}

function objectName(value: unknown, field: string): string {
  return string(value, field, {
    max: MAX_NAME_LENGTH,
    pattern: OBJECT_NAME,
    description: "the name of an object",
  });
}

function checkType(type: unknown): void {
  string(type, "type", { max: 64 });
}

const NEWLINE = 0x0a;

/** Parts of one line that are kept apart; more are joined, or a line of single bytes would cost a hundredfold. */
const MAX_PARTS = 64;

/** Cuts one side's bytes into messages. Holds at most one line. */
export class ControlReader<M extends { readonly type: string }> {
  readonly #parse: (value: unknown) => M | undefined;
  #parts: Buffer[] = [];
  #held = 0;
  #greeted = false;
  #allowance = CONTROL_MESSAGE_BURST;
  readonly #now: () => number;
  #countedAt: number;

  /**
   * @param parse parseProxyMessage or parseAgentMessage
   * @param now milliseconds of a clock that only goes forward
   */
  constructor(parse: (value: unknown) => M | undefined, now: () => number) {
    this.#parse = parse;
    this.#now = now;
    this.#countedAt = now();
  }

  /** The messages that end in this chunk. @throws WireError, after which the channel is of no use */
  push(chunk: Uint8Array): M[] {
    const messages: M[] = [];
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      this.#hold(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      this.#count();
      const message = this.#take();
      if (message !== undefined) messages.push(message);
    }
    // A copy: the chunk's memory is the transport's to use again.
    this.#hold(Buffer.from(rest));
    return messages;
  }

  #hold(part: Buffer): void {
    this.#held += part.length;
    if (this.#held > MAX_CONTROL_MESSAGE_BYTES) throw new WireError("control message: line too long");
    if (part.length === 0) return;
    this.#parts.push(part);
    if (this.#parts.length > MAX_PARTS) this.#parts = [Buffer.concat(this.#parts)];
  }

  /** Lines of unknown types count too: somebody has to read them. */
  #count(): void {
    const now = this.#now();
    const earned = ((now - this.#countedAt) / 1000) * CONTROL_MESSAGES_PER_SECOND;
    this.#countedAt = now;
    this.#allowance = Math.min(CONTROL_MESSAGE_BURST, this.#allowance + earned) - 1;
    if (this.#allowance < 0) throw new WireError("control message: too many");
  }

  #take(): M | undefined {
    const line = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    const message = this.#parse(parseLine(line));
    if (!this.#greeted && message?.type !== "hello")
      throw new WireError("control message: the first must be hello");
    if (this.#greeted && message?.type === "hello") throw new WireError("control message: a second hello");
    this.#greeted = true;
    return message;
  }
}

function parseLine(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch {
    throw new WireError("control message: not JSON");
  }
}
