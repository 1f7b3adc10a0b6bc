/**
 * A channel as a wire: SSH inside SSH, as the forward form speaks it with a
 * target. Packets go from one connection into the other without a stream between.
 */
import type { ByteQueue } from "./byte-queue.ts";
import type { Channel, ChannelConsumer } from "./channel.ts";
import type { ChannelStream } from "./channel-stream.ts";
import type { Wire, WireEnds } from "./wire.ts";

interface Rest {
  data: Buffer;
  readonly done: () => void;
}

function nobody(): void {
  // Nobody listens yet.
}

export class ChannelWire implements Wire {
  readonly releases: boolean = true;
  readonly #stream: ChannelStream;
  readonly #channel: Channel;
  /** Arrived and not taken: before `read`, and during a pause. */
  readonly #unread: ByteQueue;
  readonly #rest: Rest[] = [];
  #take: ((chunk: Buffer) => void) | undefined;
  #paused = false;
  #corked = false;
  #ending = false;
  /** The peer's EOF, and whether it was told. */
  #ended = false;
  #told = false;
  #over = false;
  readonly #closeListeners: (() => void)[] = [];
  #ends: Pick<WireEnds, "end"> = { end: nobody };

  /** @throws SshError when the stream is in use already. */
  constructor(stream: ChannelStream) {
    this.#stream = stream;
    this.#channel = stream.channel;
    this.#unread = stream.detach();
    this.#channel.consume(this.#consumer());
    // Whoever dialled it may end it.
    stream.once("close", () => {
      this.#close();
    });
    if (this.#channel.closeReceived || this.#channel.wasCut) this.destroy();
    else if (this.#channel.endReceived) this.#ended = true;
  }

  #consumer(): ChannelConsumer {
    return {
      data: (chunk, extended) => {
        if (extended === 0) this.#data(chunk);
        else this.#channel.consumed(chunk.length);
      },
      eof: () => {
        this.#ended = true;
        this.#tellEnd();
      },
      writable: () => {
        this.#pump();
      },
      request: () => false,
      closed: () => {
        this.#stream.onOver?.();
        this.#ended = true;
        this.#tellEnd();
        this.destroy();
      },
    };
  }

  #data(chunk: Buffer): void {
    if (this.#take === undefined || this.#paused || this.#unread.length > 0) {
      this.#unread.push(chunk);
      return;
    }
    this.#take(chunk);
    this.#channel.consumed(chunk.length);
  }

  read(take: (chunk: Buffer) => void): void {
    this.#take = take;
    this.#deliver();
  }

  #deliver(): void {
    for (let chunk = this.#unread.peek(); chunk !== undefined; chunk = this.#unread.peek()) {
      if (this.#take === undefined || this.#paused) return;
      this.#unread.skip(chunk.length);
      this.#take(chunk);
      this.#channel.consumed(chunk.length);
    }
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (!this.#ended || this.#told || this.#take === undefined || this.#unread.length > 0) return;
    this.#told = true;
    this.#ends.end();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  send(data: Buffer): number {
    return this.#corked || this.#rest.length > 0 ? 0 : this.#channel.send(data);
  }

  write(data: Buffer, done: () => void): void {
    this.#rest.push({ data, done });
    this.#pump();
  }

  #pump(): void {
    if (this.#corked) return;
    for (let first = this.#rest[0]; first !== undefined; first = this.#rest[0]) {
      const sent = this.#channel.send(first.data);
      if (sent < first.data.length) {
        first.data = first.data.subarray(sent);
        return;
      }
      this.#rest.shift();
      first.done();
    }
    if (this.#ending) this.#channel.sendEof();
  }

  get waiting(): number {
    return this.#rest.reduce((sum, { data }) => sum + data.length, 0);
  }

  get open(): boolean {
    return !this.#ending && !this.#over && this.#channel.sendable;
  }

  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.#pump();
  }

  end(): void {
    this.#ending = true;
    this.#pump();
  }

  destroy(): void {
    this.#stream.destroy();
    this.#close();
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  listen({ end, close }: WireEnds): void {
    this.#ends = { end };
    this.onClose(close);
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#unread.clear();
    for (const { done } of this.#rest.splice(0)) done();
    // Not from within whoever ended it.
    process.nextTick(() => {
      for (const listener of this.#closeListeners) listener();
    });
  }
}
