/** A channel that the peer asks for, before anybody has answered. */
import type { Channel } from "./channel.ts";
import type { OpenRefusal } from "./errors.ts";

/** A channel the peer wants to open. Exactly one of `accept` and `refuse` counts, the first. */
export interface ChannelRequest {
  readonly type: string;
  /** The type-specific bytes of CHANNEL_OPEN. */
  readonly payload: Buffer;
  /** Opens it. After the connection died the channel is closed already. @throws SshError when answered before. */
  accept(): Channel;
  refuse(reason: OpenRefusal, message: string): void;
}

export type OpenHandler = (request: ChannelRequest) => void;
