/**
 * Which new sockets a server takes (design, section 14): bounded in all, per
 * address, and per second, before a byte is read or a key is made.
 */
import { isIPv4, isIPv6 } from "node:net";

import type { Clock } from "@teleport-access/daemon";

import { MAX_RATED_ADDRESSES } from "./limits.ts";
import type { SshServerLimits } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export type AdmissionRefusal =
  "too-many-connections" | "too-many-unauthenticated" | "too-many-from-address" | "handshake-rate";

/** One place taken. `authenticated` and `closed` give it back, each at most once. */
export interface Place {
  /** The key is proven, and somebody is asked for more: a place among strangers is free again. */
  challenged(): void;
  authenticated(): void;
  closed(): void;
}

export type Admission =
  | { readonly admitted: true; readonly place: Place }
  | { readonly admitted: false; readonly reason: AdmissionRefusal };

/** What counts as one address: an IPv4 address, or the /64 that one IPv6 customer owns whole. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%", 1).join("").split("::", 2);
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** Connections in one state, by address and in all. */
class Tally {
  readonly #byAddress = new Map<string, number>();
  readonly #perAddress: number;
  readonly #most: number;
  total = 0;

  constructor(perAddress: number, most: number) {
    this.#perAddress = perAddress;
    this.#most = most;
  }

  get full(): boolean {
    return this.total >= this.#most;
  }

  fullFor(key: string): boolean {
    return (this.#byAddress.get(key) ?? 0) >= this.#perAddress;
  }

  add(key: string): void {
    this.total += 1;
    this.#byAddress.set(key, (this.#byAddress.get(key) ?? 0) + 1);
  }

  remove(key: string): void {
    this.total -= 1;
    const left = (this.#byAddress.get(key) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(key);
    else this.#byAddress.set(key, left);
  }
}

/** One second's worth. */
function bucketOf(perSecond: number, now: number): TokenBucket {
  return new TokenBucket(perSecond, perSecond, now);
}

export class AdmissionDesk {
  readonly #limits: SshServerLimits;
  readonly #clock: Clock;
  readonly #strangers: Tally;
  readonly #challenged: Tally;
  readonly #rate: TokenBucket;
  /** Of addresses that connected within the last second or so. */
  readonly #rates = new Map<string, TokenBucket>();
  #connections = 0;

  constructor(limits: SshServerLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#strangers = new Tally(limits.unauthenticatedPerAddress, limits.unauthenticated);
    this.#challenged = new Tally(limits.challengedPerAddress, limits.challenged);
    this.#rate = bucketOf(limits.handshakesPerSecond, clock.monotonic());
  }

  get connections(): number {
    return this.#connections;
  }

  /** Strangers, and people who are typing. */
  get unauthenticated(): number {
    return this.#strangers.total + this.#challenged.total;
  }

  /** How many addresses' rates are remembered. */
  get ratedAddresses(): number {
    return this.#rates.size;
  }

  /** Where arrivals wait in line, the line has the rate (waiting-room.ts): nobody is sent away for coming with the others. */
  get #rated(): boolean {
    return this.#limits.handshakesAtOnce === Infinity;
  }

  admit(address: string): Admission {
    const key = addressKey(address);
    const reason = this.#refuses(key);
    if (reason !== undefined) return { admitted: false, reason };
    if (this.#rated) {
      this.#rate.take();
      this.#rateOf(key).take();
    }
    this.#connections += 1;
    this.#strangers.add(key);
    return { admitted: true, place: this.#place(key) };
  }

  #refuses(key: string): AdmissionRefusal | undefined {
    const limits = this.#limits;
    if (this.#connections >= limits.connections) return "too-many-connections";
    if (this.#strangers.full) return "too-many-unauthenticated";
    if (this.#strangers.fullFor(key)) return "too-many-from-address";
    if (!this.#rated) return undefined;
    const now = this.#clock.monotonic();
    return this.#rate.level(now) < 1 || this.#rateOf(key).level(now) < 1 ? "handshake-rate" : undefined;
  }

  /** One address gets half of what there is: it must not be able to keep everybody else out. */
  #rateOf(key: string): TokenBucket {
    const known = this.#rates.get(key);
    if (known !== undefined) return known;
    const now = this.#clock.monotonic();
    if (this.#rates.size >= MAX_RATED_ADDRESSES) this.#forget(now);
    const bucket = bucketOf(Math.max(1, this.#limits.handshakesPerSecond / 2), now);
    this.#rates.set(key, bucket);
    return bucket;
  }

  /** A full bucket says nothing. If all of them say something, the oldest goes. */
  #forget(now: number): void {
    for (const [key, bucket] of this.#rates) if (bucket.full(now)) this.#rates.delete(key);
    const [oldest] = this.#rates.keys();
    if (this.#rates.size >= MAX_RATED_ADDRESSES && oldest !== undefined) this.#rates.delete(oldest);
  }

  #place(key: string): Place {
    let among: Tally | undefined = this.#strangers;
    let open = true;
    function moveTo(next: Tally | undefined): void {
      among?.remove(key);
      next?.add(key);
      among = next;
    }
    function authenticated(): void {
      moveTo(undefined);
    }
    return {
      challenged: () => {
        const room = !this.#challenged.full && !this.#challenged.fullFor(key);
        if (among === this.#strangers && room) moveTo(this.#challenged);
      },
      authenticated,
      closed: () => {
        authenticated();
        if (open) this.#connections -= 1;
        open = false;
      },
    };
  }
}
