/**
 * For this package's tests: two channels connected back to back, with a switch
 * for "the socket is full". What one end sends arrives at the other a moment
 * later, in order, as on a wire. No program imports it.
 */
import { SshReader } from "@teleport-access/sshcert";

import { Channel } from "../channel.ts";
import type { ChannelHost } from "../channel.ts";
import { MSG } from "../messages.ts";
import { RoundTrip } from "../round-trip.ts";
import { Typing } from "../typing.ts";

/** One end of a pair, playing the connection of its channel. */
export class PairEnd implements ChannelHost {
  /** Nobody answers. */
  readonly roundTrip: RoundTrip;
  readonly typing: Typing = new Typing();
  readonly channel: Channel;
  readonly waiting: Channel[] = [];
  /** Whether the last that waited was light. */
  lastLight: boolean | undefined;
  /** Message numbers sent, CHANNEL_DATA left out. */
  readonly sent: number[] = [];
  released = false;
  blocked = false;
  #peer: PairEnd | undefined;

  constructor(window: number, packetSize: number, now?: () => number) {
    this.roundTrip = new RoundTrip(() => undefined, now);
    this.channel = new Channel(this, "test", 0, { id: 0, window, packetSize });
  }

  connect(peer: PairEnd): void {
    this.#peer = peer;
  }

  send(payload: Buffer): void {
    this.sent.push(payload[0] ?? 0);
    this.#post((target) => {
      deliver(target, payload);
    });
  }

  sendData(_channel: number, data: Buffer, extended: number): void {
    const copy = Buffer.from(data);
    this.#post((target) => {
      target.receiveData(copy, extended);
    });
  }

  #post(message: (target: Channel) => void): void {
    const target = this.#peer?.channel;
    queueMicrotask(() => {
      if (target !== undefined) message(target);
    });
  }

  canSend(): boolean {
    return !this.blocked;
  }

  get contended(): boolean {
    return this.waiting.length > 0;
  }

  wait(channel: Channel, light: boolean): void {
    this.lastLight = light;
    this.waiting.push(channel);
  }

  release(): void {
    this.released = true;
  }

  /** The socket has room again. */
  unblock(): void {
    this.blocked = false;
    for (const channel of this.waiting.splice(0)) channel.resume();
  }
}

function deliver(target: Channel, payload: Buffer): void {
  const reader = new SshReader(payload.subarray(1));
  reader.u32();
  switch (payload[0]) {
    case MSG.CHANNEL_WINDOW_ADJUST:
      target.receiveWindowAdjust(reader.u32());
      break;
    case MSG.CHANNEL_EOF:
      target.receiveEof();
      break;
    case MSG.CHANNEL_CLOSE:
      target.receiveClose();
      break;
    case MSG.CHANNEL_REQUEST:
      target.receiveRequest(reader.text(), reader.u8() !== 0, reader.raw(reader.left));
      break;
    default:
      target.receiveReply(payload[0] === MSG.CHANNEL_SUCCESS);
  }
}

/** Everything that is on its way has arrived. */
export async function arrived(): Promise<void> {
  await new Promise(setImmediate);
}

export interface ChannelPair {
  readonly near: PairEnd;
  readonly far: PairEnd;
}

export function channelPair(window = 2_097_152, packetSize = 32_768, now?: () => number): ChannelPair {
  const near = new PairEnd(window, packetSize, now);
  const far = new PairEnd(window, packetSize, now);
  near.connect(far);
  far.connect(near);
  return { near, far };
}
