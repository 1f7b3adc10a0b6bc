/**
 * For the advisories: somebody between a client and a server who can read, add and drop packets until
 * keys are in use, and only drop or keep after that.
 */
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import type { SshServer } from "@teleport-access/ssh";

const NEWKEYS = 21;

/** Says what goes on instead of one packet in the clear. Undefined stands for the identification string. */
export type Meddle = (packet: Buffer | undefined, type: number) => readonly Buffer[];

export interface Meddling {
  readonly toClient?: Meddle;
  readonly toServer?: Meddle;
}

/** Connects to the server through the man in the middle; returns the client's end. */
export function meddle(server: SshServer, { toClient, toServer }: Meddling): Duplex {
  const [client, nearMiddle] = duplexPair();
  const [farMiddle, far] = duplexPair();
  server.inject(far, { remoteAddress: "192.0.2.1", remotePort: 0 });
  carry(farMiddle, nearMiddle, toClient);
  carry(nearMiddle, farMiddle, toServer);
  return client;
}

function carry(from: Duplex, to: Duplex, change: Meddle | undefined): void {
  let held: Buffer = Buffer.alloc(0);
  let clear = change !== undefined;
  let greeted = false;
  function next(): Buffer | undefined {
    const length = greeted ? packetLength(held) : held.indexOf("\n") + 1;
    if (length === 0 || held.length < length) return undefined;
    const one = held.subarray(0, length);
    held = held.subarray(length);
    return one;
  }
  function packetOf(bytes: Buffer): readonly Buffer[] {
    if (!greeted) {
      greeted = true;
      return [bytes, ...(change?.(undefined, 0) ?? [])];
    }
    const type = bytes[5] ?? 0;
    clear = type !== NEWKEYS;
    return change?.(bytes, type) ?? [bytes];
  }
  from.on("data", (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (clear) {
      const bytes = next();
      if (bytes === undefined) return;
      for (const part of packetOf(bytes)) to.write(part);
    }
    if (held.length > 0) to.write(held);
    held = Buffer.alloc(0);
  });
  from.on("end", () => to.end());
}

function packetLength(bytes: Buffer): number {
  return bytes.length < 4 ? 0 : 4 + bytes.readUInt32BE(0);
}
