/** A channel that the peer asks for, before anybody has answered. */
import type { Channel } from "./channel.ts";
import { SshError } from "./errors.ts";
import type { OpenRefusal } from "./errors.ts";

/** A channel the peer wants to open. Exactly one of `accept` and `refuse` counts, the first. */
export interface ChannelRequest {
  readonly type: string;
  /** The type-specific bytes of CHANNEL_OPEN. */
  readonly payload: Buffer;
  /** Opens it. After the connection died the channel is closed already. @throws SshError when answered before. */
  accept(): Channel;
  refuse(reason: OpenRefusal, message: string): void;
  /** Refuses what nobody can decide about, and tells who is told of such. */
  turnAway(reason: ChannelRefusal, message: string): void;
}

/** Why a channel was refused before anybody was asked. */
export type ChannelRefusal =
  /** Nobody answers channels of this type. */
  | "channel-type-not-offered"
  /** It asks for what cannot be: no port, no socket's path. */
  | "channel-malformed"
  /** Its packets could hardly carry anything. */
  | "packet-size-too-small"
  /** As many are open as the connection may have. */
  | "too-many-channels"
  /** The client had said that it opens no more sessions. */
  | "no-more-sessions";

export type OpenHandler = (request: ChannelRequest) => void;

/** What the peer is told. */
export const REFUSAL_OF: Readonly<Record<ChannelRefusal, OpenRefusal>> = {
  "channel-type-not-offered": "unknown-type",
  "channel-malformed": "prohibited",
  "packet-size-too-small": "resource-shortage",
  "too-many-channels": "resource-shortage",
  "no-more-sessions": "prohibited",
};

/** What follows from the one answer that counts. */
type Answers = Pick<ChannelRequest, "accept" | "refuse" | "turnAway"> & { answered(): void };

/** A request of which the first answer counts. */
export function answeredOnce(type: string, payload: Buffer, answers: Answers): ChannelRequest {
  let answered = false;
  function isFirst(): boolean {
    if (answered) return false;
    answered = true;
    answers.answered();
    return true;
  }
  return {
    type,
    payload,
    accept: () => {
      if (!isFirst()) throw new SshError("SSH_PROTOCOL", "channel request was answered before");
      return answers.accept();
    },
    refuse: (reason, message) => {
      if (isFirst()) answers.refuse(reason, message);
    },
    turnAway: (reason, message) => {
      if (isFirst()) answers.turnAway(reason, message);
    },
  };
}
