/**
 * For this package's tests: a peer that speaks the encrypted transport by hand
 * and may say anything above it. No program imports it.
 */
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";

import { CERTIFICATE_ALGORITHMS, signData, SshReader, SshWriter } from "@teleport-access/sshcert";

import { ciphers } from "../algorithms.ts";
import type { TestIdentity } from "./certified.ts";
import type { SshError } from "../errors.ts";
import { MSG } from "../messages.ts";
import type { Role } from "../protocol.ts";
import type { SshServer } from "../server.ts";
import { Transport } from "../transport.ts";

export const ED25519_CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com";

/** A message builder that begins with its number. */
export function message(type: number): SshWriter {
  return new SshWriter().u8(type);
}

export class RawPeer {
  readonly transport: Transport;
  readonly received: Buffer[] = [];
  readonly secured: Promise<void>;
  /** Resolves when the connection is over. */
  readonly closed: Promise<SshError | undefined>;
  #arrived: (() => void)[] = [];

  constructor(socket: Duplex, role: Role) {
    const secured = Promise.withResolvers<undefined>();
    const closed = Promise.withResolvers<SshError | undefined>();
    this.secured = secured.promise;
    this.closed = closed.promise;
    this.transport = new Transport({
      socket,
      role,
      ciphers: ciphers(false),
      owner: {
        secured: () => {
          secured.resolve(undefined);
        },
        message: (_type, payload) => {
          this.received.push(Buffer.from(payload));
          this.#wake();
          return true;
        },
        writable: () => undefined,
        closed: (error) => {
          closed.resolve(error);
          this.#wake();
        },
      },
    });
    // The servers under test have limits; this peer takes whatever they say.
    this.transport.receiveLimit = Infinity;
  }

  #wake(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const wake of arrived) wake();
  }

  send(writer: SshWriter): void {
    this.transport.send(writer.done());
  }

  /** Takes the next message of a type, of those that came and those to come. @throws when the connection ends first. */
  async next(type: number): Promise<SshReader> {
    for (;;) {
      const index = this.received.findIndex((payload) => payload[0] === type);
      if (index !== -1)
        return new SshReader((this.received.splice(index, 1)[0] ?? Buffer.alloc(1)).subarray(1));
      if (this.transport.finished) throw new Error(`connection ended while waiting for message ${type}`);
      await new Promise<void>((resolve) => this.#arrived.push(resolve));
    }
  }

  /** Takes the next message that is of one of these types, and says of which. @throws as `next` does. */
  async nextOf(types: readonly number[]): Promise<number> {
    for (;;) {
      const index = this.received.findIndex((payload) => types.includes(payload[0] ?? 0));
      if (index !== -1) return this.received.splice(index, 1)[0]?.[0] ?? 0;
      if (this.transport.finished) throw new Error("connection ended while waiting for an answer");
      await new Promise<void>((resolve) => this.#arrived.push(resolve));
    }
  }

  async startAuthentication(): Promise<void> {
    await this.secured;
    this.send(message(MSG.SERVICE_REQUEST).string("ssh-userauth"));
    await this.next(MSG.SERVICE_ACCEPT);
  }

  /** Presents a certificate properly and waits for success. */
  async authenticate(user: string, identity: TestIdentity): Promise<void> {
    await this.startAuthentication();
    this.send(signedRequest(this.transport.sessionId, user, identity));
    await this.next(MSG.USERAUTH_SUCCESS);
  }

  /** Opens a channel and returns the server's number of it. */
  async open(type: string, packetSize = 32_768, window = 2_097_152, sender = 0): Promise<number> {
    this.send(message(MSG.CHANNEL_OPEN).string(type).u32(sender).u32(window).u32(packetSize));
    const confirmation = await this.next(MSG.CHANNEL_OPEN_CONFIRMATION);
    confirmation.u32();
    return confirmation.u32();
  }
}

/** The unsigned part of a publickey request. */
export function requestBody(user: string, algorithm: string, blob: Buffer, signed: boolean): Buffer {
  const head = message(MSG.USERAUTH_REQUEST).string(user).string("ssh-connection").string("publickey");
  return head
    .u8(signed ? 1 : 0)
    .string(algorithm)
    .string(blob)
    .done();
}

/** A publickey request as an honest client makes it. */
export function signedRequest(sessionId: Buffer, user: string, identity: TestIdentity): SshWriter {
  const { certificate, privateKey } = identity;
  for (const [name, { blobType, signature }] of CERTIFICATE_ALGORITHMS) {
    if (blobType !== certificate.certType) continue;
    const body = requestBody(user, name, certificate.blob, true);
    const data = new SshWriter().string(sessionId).raw(body).done();
    return new SshWriter().raw(body).string(signData(privateKey, data, signature));
  }
  throw new Error("unknown certificate type");
}

/** Connects a raw client to a server in memory. It believes any host. */
export function rawClient(server: SshServer, address = "192.0.2.1"): RawPeer {
  const [near, far] = duplexPair();
  server.inject(far, { remoteAddress: address, remotePort: 0 });
  return rawClientOver(near);
}

/** The same over a stream to a server: over TCP, what is sent in one turn arrives in one piece. */
export function rawClientOver(stream: Duplex): RawPeer {
  return new RawPeer(stream, {
    kind: "client",
    hostKeyAlgorithms: ["ssh-ed25519"],
    acceptHostKey: () => true,
    verifyHostSignature: () => true,
  });
}
