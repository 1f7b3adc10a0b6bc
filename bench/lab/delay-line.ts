/**
 * Distance: relays TCP connections and holds every byte back for half a round
 * trip. The kernel's own netem is not everywhere, and this costs both sides of a
 * comparison the same.
 *
 *   node bench/lab/delay-line.ts <one way ms> <listen port>:<to port> [...]
 */
import { createServer, Socket } from "node:net";

/** More than any window in front of it lets fly; beyond it we stop reading, as a full path would. */
const MAX_IN_FLIGHT = 64 * 1024 * 1024;

/** One direction of one connection. */
class Line {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: number;
  readonly #held: { readonly dueAt: number; readonly chunk: Buffer | undefined }[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, delayMs: number) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    from.on("data", (chunk: Buffer) => {
      this.#hold(chunk);
    });
    from.on("end", () => {
      this.#hold(undefined);
    });
    // Without a reader at the far end, the near end has to learn of it.
    to.on("error", () => from.destroy());
    to.on("close", () => from.destroy());
  }

  /** `undefined` is the end, which travels as bytes do. */
  #hold(chunk: Buffer | undefined): void {
    this.#held.push({ dueAt: performance.now() + this.#delayMs, chunk });
    this.#bytes += chunk?.length ?? 0;
    if (this.#bytes > MAX_IN_FLIGHT) this.#from.pause();
    this.#arm();
  }

  #arm(): void {
    const [first] = this.#held;
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#deliver();
        this.#arm();
      },
      Math.max(1, first.dueAt - performance.now()),
    );
  }

  #deliver(): void {
    const now = performance.now();
    let due = 0;
    while ((this.#held[due]?.dueAt ?? Infinity) <= now) due += 1;
    this.#to.cork();
    for (const { chunk } of this.#held.splice(0, due)) {
      this.#bytes -= chunk?.length ?? 0;
      if (chunk === undefined) this.#to.end();
      else this.#to.write(chunk);
    }
    this.#to.uncork();
    if (this.#bytes <= MAX_IN_FLIGHT) this.#from.resume();
  }
}

/**
 * One connection. TCP's own handshake is a round trip for the one who dials, who
 * then sends, and half of one more until the far end may: so it is dialled that late.
 */
function relay(near: Socket, port: number, oneWayMs: number): void {
  const far = new Socket({ allowHalfOpen: true });
  for (const socket of [near, far]) socket.setNoDelay(true);
  near.pause();
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
  setTimeout(() => {
    new Line(near, far, oneWayMs);
    near.resume();
  }, 2 * oneWayMs);
  // A moment before the first bytes arrive, which then wait for the connection.
  setTimeout(
    () => {
      far.connect({ port, host: "127.0.0.1" });
      new Line(far, near, oneWayMs);
    },
    Math.max(0, 3 * oneWayMs - 1),
  );
}

if (import.meta.main) {
  const [oneWay = "", ...routes] = process.argv.slice(2);
  for (const route of routes) {
    const [listen, to] = route.split(":").map(Number);
    createServer({ allowHalfOpen: true }, (socket) => {
      relay(socket, to ?? 0, Number(oneWay));
    }).listen(listen, "127.0.0.1");
  }
}
