/**
 * What arrives on a socket, without a buffer per read.
 *
 * node can read into memory of the program's own (net's `onread`), but only
 * offers that to sockets it dials, not to those it accepts. The same switch is
 * set here on a live socket. All sockets share one buffer: a chunk is looked at
 * before the next read, and whoever needs a part of it later copies that part.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";

import { turn } from "./turn.ts";

/** What one read may return: large enough to rarely split packets, small enough for the processor's cache. */
const READ_BYTES = 256 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

interface ReadHandle {
  useUserBuffer?(buffer: Uint8Array): unknown;
}

/** The properties by which net.Socket keeps `onread`; undefined when this node has others. */
function findSwitches(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const socket = new Socket({ onread: { buffer: shared, callback: () => true } });
  const symbols = Object.getOwnPropertySymbols(socket);
  socket.destroy();
  const buffer = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}

const switches = findSwitches();

/** Calls `take` with each chunk. It is only there for the length of the call: the memory is used again. */
export function readSocket(socket: Duplex, take: (chunk: Buffer) => void): void {
  if (!shareBuffer(socket, take)) socket.on("data", take);
}

/** Whether a socket is read into the shared buffer. */
export function sharesMemory(socket: Duplex): boolean {
  return switches !== undefined && (socket as unknown as Record<symbol, unknown>)[switches.buffer] === shared;
}

function shareBuffer(socket: Duplex, take: (chunk: Buffer) => void): boolean {
  if (switches === undefined || !(socket instanceof Socket) || socket instanceof TLSSocket) return false;
  const handle = (socket as { readonly _handle?: ReadHandle | null })._handle;
  if (handle?.useUserBuffer === undefined) return false;
  // What came before is in the stream.
  for (let early = socket.read() as Buffer | null; early !== null; early = socket.read() as Buffer | null)
    take(early);
  Object.assign(socket, {
    [switches.buffer]: shared,
    [switches.callback]: (length: number) => {
      turn(() => {
        take(shared.subarray(0, length));
      });
      if (length < READ_BYTES) return true;
      // There is more, and libuv would read on for 32 buffers: other sockets come first.
      setImmediate(() => {
        if (!socket.isPaused()) socket.resume();
      });
      return false;
    },
  });
  handle.useUserBuffer(shared);
  socket.resume();
  return true;
}
