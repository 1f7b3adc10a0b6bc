/**
 * The listening socket of a server: takes TCP connections, learns whose they are,
 * and hands both over. What is done with them: server.ts.
 */
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import type { PeerAddress } from "./connection.ts";

/** Who is behind a new TCP connection: its own address, or what a load balancer in front of us says. */
export type Introduction =
  | ({ readonly known: true } & PeerAddress)
  /** Without a reason: it left by itself. */
  | {
      readonly known: false;
      readonly reason?: "proxy-header" | "too-many-unauthenticated";
      readonly detail?: string;
    };

export interface ReceptionOptions {
  /** Asked about each new connection before anything is done with it; never rejects. @default its own address */
  readonly introduce?: ((socket: Socket) => Introduction | Promise<Introduction>) | undefined;
  accept(socket: Socket, address: PeerAddress): void;
  refused(address: PeerAddress, introduction: Introduction & { readonly known: false }): void;
}

export class Reception {
  readonly #options: ReceptionOptions;
  readonly #server: Server;
  /** Not introduced yet. */
  readonly #arriving = new Set<Socket>();
  #open = true;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => {
      void this.#meet(socket);
    });
  }

  /** False from `stopListening` on. */
  get open(): boolean {
    return this.#open;
  }

  /** Resolves with the port. @throws the socket's error, e.g. EADDRINUSE. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        // Errors of accepting (EMFILE) pass; the next accept may succeed.
        this.#server.on("error", () => undefined);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  address(): { readonly address: string; readonly port: number } | undefined {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? undefined : address;
  }

  /** Takes no new connections, not even those that have not been introduced. */
  stopListening(): void {
    this.#open = false;
    this.#server.close();
    for (const socket of this.#arriving) socket.destroy();
  }

  /** As `stopListening`; resolves when the last connection that was handed over is gone. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      // One that never listened answers with an error we do not need.
      this.#server.close(() => {
        resolve();
      });
    });
    this.stopListening();
    return closed;
  }

  async #meet(socket: Socket): Promise<void> {
    const options = this.#options;
    const { introduce } = options;
    const own = { remoteAddress: socket.remoteAddress ?? "", remotePort: socket.remotePort ?? 0 };
    if (introduce === undefined) {
      options.accept(socket, own);
      return;
    }
    this.#arriving.add(socket);
    const introduction = await introduce(socket);
    this.#arriving.delete(socket);
    if (introduction.known) {
      const { remoteAddress, remotePort } = introduction;
      options.accept(socket, { remoteAddress, remotePort });
    } else {
      socket.destroy();
      options.refused(own, introduction);
    }
  }
}
