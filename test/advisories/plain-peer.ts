/**
 * For the advisories: a client of the time before any key, written by hand. It says what a test wants,
 * packets in the clear, and reads what a server answers.
 */
import { duplexPair } from "node:stream";
import { SshReader, SshWriter } from "@teleport-access/sshcert";
import type { SshServer } from "@teleport-access/ssh";

const KEXINIT = 20;

/** What differs from an ordinary client's KEXINIT. */
export interface KexinitParts {
  readonly kex?: string;
  readonly compression?: string;
  readonly cipher?: string;
}

export const STRICT = "kex-strict-c-v00@openssh.com";

/** A KEXINIT payload. */
export function kexinit(parts: KexinitParts = {}): Buffer {
  const {
    kex = `curve25519-sha256,${STRICT}`,
    compression = "none",
    cipher = "aes128-gcm@openssh.com",
  } = parts;
  const lists = [kex, "ssh-ed25519", cipher, cipher, "hmac-sha2-256-etm@openssh.com"];
  const writer = new SshWriter().u8(KEXINIT).raw(Buffer.alloc(16, 5));
  for (const list of [...lists, "hmac-sha2-256-etm@openssh.com", compression, compression, "", ""])
    writer.string(list);
  return writer.u8(0).u32(0).done();
}

/** A payload as an unencrypted packet (RFC 4253, section 6). */
export function packet(payload: Buffer): Buffer {
  const padding = 8 - ((payload.length + 5) % 8);
  const fill = padding < 4 ? padding + 8 : padding;
  const body = new SshWriter().u8(fill).raw(payload).raw(Buffer.alloc(fill)).done();
  return new SshWriter().string(body).done();
}

/** What a server offers. */
export interface Offer {
  readonly kex: readonly string[];
  readonly ciphers: readonly string[];
  readonly compression: readonly [string, string];
}

export interface PlainPeer {
  send(payload: Buffer): void;
  /** Bytes as they are. */
  raw(bytes: Buffer | string): void;
  /** Resolves with the server's KEXINIT. */
  kexinit(): Promise<Offer>;
  /** Payloads of the packets that came in the clear. */
  readonly packets: Buffer[];
  /** Resolves when the server has ended the connection. */
  readonly ended: Promise<void>;
}

/** Connects one to a server in memory and says who it is. */
export function plainPeer(server: SshServer, ident = "SSH-2.0-test\r\n"): PlainPeer {
  const [near, far] = duplexPair();
  server.inject(far, { remoteAddress: "192.0.2.1", remotePort: 0 });
  const packets: Buffer[] = [];
  let received: Buffer = Buffer.alloc(0);
  const ended = new Promise<void>((resolve) => {
    near.on("end", resolve);
    near.on("close", resolve);
  });
  near.on("data", (chunk: Buffer) => {
    received = readPackets(Buffer.concat([received, chunk]), packets);
  });
  near.write(ident);
  return {
    packets,
    ended,
    send: (payload) => near.write(packet(payload)),
    raw: (bytes) => near.write(bytes),
    async kexinit() {
      for (;;) {
        const found = packets.find((payload) => payload[0] === KEXINIT);
        if (found !== undefined) return readOffer(found);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
  };
}

/** Takes whole packets off the front; the identification string is left out. */
function readPackets(bytes: Buffer, packets: Buffer[]): Buffer {
  let rest = bytes;
  if (rest.subarray(0, 4).toString() === "SSH-") {
    const end = rest.indexOf("\n");
    if (end < 0) return rest;
    rest = rest.subarray(end + 1);
  }
  while (rest.length >= 5 && rest.length >= 4 + rest.readUInt32BE(0)) {
    const length = rest.readUInt32BE(0);
    packets.push(rest.subarray(5, 4 + length - rest.readUInt8(4)));
    rest = rest.subarray(4 + length);
  }
  return rest;
}

function readOffer(payload: Buffer): Offer {
  const reader = new SshReader(payload.subarray(17));
  const lists = Array.from({ length: 8 }, () => reader.text(65_536).split(","));
  return {
    kex: lists[0] ?? [],
    ciphers: lists[2] ?? [],
    compression: [(lists[6] ?? []).join(), (lists[7] ?? []).join()],
  };
}
