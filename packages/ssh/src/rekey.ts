/**
 * When a connection must change its keys. ssh2 never does so by itself, and
 * chacha20-poly1305's nonce is the 32-bit packet number.
 */
import type { Clock } from "@teleport-access/daemon";

import { SshError } from "./errors.ts";
import { KEY_EXCHANGE_MS } from "./limits.ts";
import { lookEvery } from "./rounds.ts";
import type { Transport } from "./transport.ts";

export interface RekeyPolicy {
  readonly everyMs: number;
  /** RFC 4344, section 3.2: before 2^(L/4) blocks, 64 GiB for AES; a quarter of it leaves room. */
  readonly bytes: number;
  /** RFC 4344, section 3.1: before 2^31 packets. */
  readonly packets: number;
  readonly checkEveryMs: number;
}

export const REKEY: RekeyPolicy = {
  everyMs: 3_600_000,
  bytes: 2 ** 34,
  packets: 2 ** 28,
  checkEveryMs: 10_000,
};

/** By chance, up to so much of the time before a re-key is left out: who has come back together need not re-key together. */
const EARLIER = 1 / 4;

export interface RekeyOptions {
  readonly clock: Clock;
  readonly policy: RekeyPolicy;
  /** @default Math.random */
  readonly random?: () => number;
}

/** Re-keys a connection when its policy says so, and cuts it when a key exchange is left unfinished. */
export function startRekey(
  transport: Transport,
  { clock, policy, random = Math.random }: RekeyOptions,
): () => void {
  const everyMs = policy.everyMs * (1 - EARLIER * random());
  let exchanges = transport.exchanges;
  let since = clock.monotonic();
  let mark = measure(transport);
  let unfinishedSince: number | undefined;

  function due(): boolean {
    const now = measure(transport);
    return (
      clock.monotonic() - since >= everyMs ||
      now.bytes - mark.bytes >= policy.bytes ||
      now.packets - mark.packets >= policy.packets
    );
  }

  function check(): void {
    if (transport.exchanges !== exchanges) {
      exchanges = transport.exchanges;
      since = clock.monotonic();
      mark = measure(transport);
    }
    if (!transport.exchanging) {
      unfinishedSince = undefined;
      if (due()) transport.rekey();
    } else {
      unfinishedSince ??= clock.monotonic();
      if (clock.monotonic() - unfinishedSince >= KEY_EXCHANGE_MS) {
        transport.destroy(new SshError("SSH_TIMEOUT", "the peer left a key exchange unfinished"));
      }
    }
  }

  return lookEvery(policy.checkEveryMs, check, clock);
}

function measure(transport: Transport): { readonly bytes: number; readonly packets: number } {
  return {
    bytes: transport.bytesReceived + transport.bytesSent,
    // Strict key exchange resets the numbers to 0; the next mark is taken after it.
    packets: Math.max(...transport.packetNumbers),
  };
}
