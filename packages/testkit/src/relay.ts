/**
 * A TCP relay that fails on command: the network between two programs of a test.
 * It resets what goes through it, or stops to carry bytes without closing
 * anything, as a network does that drops packets.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

export interface Relay {
  readonly port: number;
  /** Connections that go through it now. */
  readonly connections: number;
  /** Where new connections go, in turns; while the list is empty they are reset. */
  setBackends(ports: readonly number[]): void;
  /** Resets every connection, on both sides. */
  reset(): void;
  /** From now on no byte passes and nothing is closed, in connections old and new, until `resume`. */
  stall(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Starts one on a free port of loopback. */
export async function startRelay(backends: readonly number[]): Promise<Relay> {
  const relay = new LoopbackRelay(backends);
  await relay.listen();
  return relay;
}

interface Passage {
  readonly near: Socket;
  readonly far: Socket;
}

class LoopbackRelay implements Relay {
  readonly #server: Server;
  readonly #passages = new Set<Passage>();
  #backends: readonly number[];
  #turn = 0;
  #stalled = false;

  constructor(backends: readonly number[]) {
    this.#backends = backends;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      this.#accept(near);
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#passages.size;
  }

  setBackends(ports: readonly number[]): void {
    this.#backends = ports;
  }

  reset(): void {
    for (const { near, far } of [...this.#passages]) {
      reset(near);
      reset(far);
    }
  }

  stall(): void {
    this.#stalled = true;
    for (const { near, far } of this.#passages) {
      near.pause();
      far.pause();
    }
  }

  resume(): void {
    this.#stalled = false;
    for (const { near, far } of this.#passages) {
      near.resume();
      far.resume();
    }
  }

  async close(): Promise<void> {
    this.#server.close();
    this.reset();
    await once(this.#server, "close");
  }

  #accept(near: Socket): void {
    const port = this.#backends[this.#turn++ % Math.max(1, this.#backends.length)];
    near.on("error", () => undefined);
    if (port === undefined) {
      reset(near);
      return;
    }
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const passage = { near, far };
    this.#passages.add(passage);
    this.#carry(near, far, passage);
    this.#carry(far, near, passage);
    if (!this.#stalled) return;
    near.pause();
    far.pause();
  }

  #carry(from: Socket, to: Socket, passage: Passage): void {
    from.on("error", () => {
      reset(to);
    });
    from.on("data", (chunk: Buffer) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => {
      if (!this.#stalled) from.resume();
    });
    from.on("end", () => {
      to.end();
    });
    from.on("close", () => {
      this.#passages.delete(passage);
      to.destroy();
    });
  }
}

/**
 * libuv refuses to reset a socket whose end is still under way, and Node (24) then says that it is closed but keeps
 * it, and waits for it for ever when the program ends. Such a one is closed, which answers what still comes with a reset.
 */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
