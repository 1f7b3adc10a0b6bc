/** For this package's tests: the two ends of a TCP connection on loopback. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface TcpPair {
  readonly near: Socket;
  readonly far: Socket;
  readonly close: () => void;
}

export async function tcpPair(): Promise<TcpPair> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const near = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  const [far] = await accepted;
  if (near.connecting) await once(near, "connect");
  function close(): void {
    near.destroy();
    far.destroy();
    server.close();
  }
  return { near, far, close };
}
