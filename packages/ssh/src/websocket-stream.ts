/**
 * A WebSocket as a stream of bytes, for SSH to run in: where only HTTPS gets
 * through, a tunnel takes this way.
 *
 * Waits for the peer in both directions: a reader that is slow stops the peer, and
 * a write is done when the operating system has taken it.
 */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

import type { RawData, WebSocket } from "ws";

import { WEBSOCKET_BATCH_BYTES, WEBSOCKET_FRAME_BYTES } from "./limits.ts";

type Done = (error?: Error | null) => void;

/** RFC 6455, section 7.4.1. */
const CLOSE_NORMAL = 1000;

/**
 * @param socket is open, and nobody else's; made with `autoPong: false` and a `maxPayload` of WEBSOCKET_FRAME_BYTES
 * @param tcp what it runs on
 */
export function webSocketStream(socket: WebSocket, tcp: Socket): Duplex {
  return new WebSocketStream(socket, tcp);
}

class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;
  readonly #tcp: Socket;

  constructor(socket: WebSocket, tcp: Socket) {
    super({ allowHalfOpen: true, highWaterMark: WEBSOCKET_FRAME_BYTES });
    this.#socket = socket;
    this.#tcp = tcp;
    socket.on("message", (data, isBinary) => {
      this.#receive(data, isBinary);
    });
    socket.on("ping", (data) => {
      // Who does not read the answers gets no more of them.
      if (socket.bufferedAmount < WEBSOCKET_FRAME_BYTES) socket.pong(data);
    });
    socket.on("error", (error) => {
      this.destroy(error);
    });
    socket.on("close", () => {
      this.push(null);
    });
  }

  /** As a socket's; packages/ssh asks for it. */
  setNoDelay(on: boolean): this {
    this.#tcp.setNoDelay(on);
    return this;
  }

  /** As a socket's; packages/ssh asks for it. */
  setKeepAlive(on: boolean, delayMs: number): this {
    this.#tcp.setKeepAlive(on, delayMs);
    return this;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: Done): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: Done): void {
    this.#socket.close(CLOSE_NORMAL);
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#socket.terminate();
    done(error);
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!isBinary || !Buffer.isBuffer(data)) {
      this.destroy(new Error("the peer sent text in a WebSocket of bytes"));
      return;
    }
    if (!this.push(data)) this.#socket.pause();
  }

  #send(chunks: readonly Buffer[], done: Done): void {
    const frames = toFrames(chunks);
    const last = frames.length - 1;
    if (last < 0) done();
    for (const [index, frame] of frames.entries()) {
      if (index < last) this.#socket.send(frame, { binary: true });
      else this.#socket.send(frame, { binary: true }, done);
    }
  }
}

/** What goes into one frame each: small chunks together, large ones alone, none above what a peer takes. */
export function toFrames(chunks: readonly Buffer[]): Buffer[] {
  const frames: Buffer[] = [];
  let batch: Buffer[] = [];
  let size = 0;
  function finish(): void {
    const [first, ...more] = batch;
    if (first !== undefined) frames.push(more.length === 0 ? first : Buffer.concat(batch));
    batch = [];
    size = 0;
  }
  for (const chunk of chunks) {
    if (size + chunk.length > WEBSOCKET_BATCH_BYTES) finish();
    for (let at = 0; at < chunk.length; at += WEBSOCKET_FRAME_BYTES) {
      const part = chunk.subarray(at, at + WEBSOCKET_FRAME_BYTES);
      batch.push(part);
      size += part.length;
      if (size > WEBSOCKET_BATCH_BYTES) finish();
    }
  }
  finish();
  return frames;
}
