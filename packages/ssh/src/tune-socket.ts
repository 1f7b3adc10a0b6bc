/** What ssh2 never sets on a TCP connection. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** After this much silence the kernel probes each second, ten times: a vanished host is noticed within 15 s. */
const KERNEL_KEEPALIVE_MS = 5_000;

/** Without TCP_NODELAY small packets meet delayed ACKs, a loss of 4 to 10 times. */
export function tuneSocket(socket: Duplex): void {
  const tcp = socket as Partial<Socket>;
  tcp.setNoDelay?.(true);
  tcp.setKeepAlive?.(true, KERNEL_KEEPALIVE_MS);
}
