/**
 * Which new sockets a server takes (design, section 14): bounded in all, per
 * address, and per second, before a byte is read or a key is made.
 */
import { isIPv4, isIPv6 } from "node:net";

import type { Clock } from "@teleport-access/daemon";

import { MAX_RATED_ADDRESSES, NEWCOMER_BURST, NEWCOMER_PER_SECOND, STRANGER_STAYS_MS } from "./limits.ts";
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

/** Somebody who has not proven to be anybody. */
interface Stranger {
  readonly since: number;
  /** Takes the place away, and ends the connection. */
  readonly sendAway: () => void;
}

export class AdmissionDesk {
  readonly #limits: SshServerLimits;
  readonly #clock: Clock;
  readonly #strangers: Tally;
  /** The same one by one, the oldest first. */
  readonly #waiting = new Set<Stranger>();
  readonly #challenged: Tally;
  readonly #rate: TokenBucket;
  /** How seldom an address has connected in the last minutes: empty when it comes all the time. */
  readonly #visits = new Map<string, TokenBucket>();
  #connections = 0;

  constructor(limits: SshServerLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#strangers = new Tally(limits.unauthenticatedPerAddress, limits.unauthenticated);
    this.#challenged = new Tally(limits.challengedPerAddress, limits.challenged);
    const { handshakesPerSecond } = limits;
    this.#rate = new TokenBucket(handshakesPerSecond, handshakesPerSecond, clock.monotonic());
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
    return this.#visits.size;
  }

  /** Where arrivals wait in line, the line has the rate (waiting-room.ts): nobody is sent away for coming with the others. */
  get #rated(): boolean {
    return this.#limits.handshakesAtOnce === Infinity;
  }

  /** `end` ends the connection, should somebody else need its place among the strangers. */
  admit(address: string, end: () => void): Admission {
    const key = addressKey(address);
    const reason = this.#refuses(key);
    if (reason !== undefined) return { admitted: false, reason };
    if (this.#rated) {
      this.#rate.take();
      const visits = this.#visitsOf(key);
      if (visits.level(this.#clock.monotonic()) >= 1) visits.take();
    }
    if (this.#strangers.full) this.#oldest?.sendAway();
    this.#connections += 1;
    this.#strangers.add(key);
    return { admitted: true, place: this.#place(key, end) };
  }

  get #oldest(): Stranger | undefined {
    const [oldest] = this.#waiting;
    return oldest;
  }

  #refuses(key: string): AdmissionRefusal | undefined {
    const limits = this.#limits;
    if (this.#connections >= limits.connections) return "too-many-connections";
    if (this.#strangers.full && !this.#canMakeRoom) return "too-many-unauthenticated";
    if (this.#strangers.fullFor(key)) return "too-many-from-address";
    return this.#rated && this.#tooSoon(key) ? "handshake-rate" : undefined;
  }

  /** Who waits in line is a stranger for as long as the line is. */
  get #canMakeRoom(): boolean {
    const since = this.#oldest?.since ?? Infinity;
    return this.#rated && this.#clock.monotonic() - since >= STRANGER_STAYS_MS;
  }

  #tooSoon(key: string): boolean {
    const now = this.#clock.monotonic();
    // The more often an address comes, the more it has to leave for those who come seldom, up to half of all. The first
    // visits count most: whoever was here a moment ago stands behind whoever was not.
    const often = Math.sqrt(1 - this.#visitsOf(key).level(now) / NEWCOMER_BURST);
    return this.#rate.level(now) < 1 + Math.floor(this.#limits.handshakesPerSecond / 2) * often;
  }

  #visitsOf(key: string): TokenBucket {
    const known = this.#visits.get(key);
    if (known !== undefined) return known;
    const now = this.#clock.monotonic();
    if (this.#visits.size >= MAX_RATED_ADDRESSES) this.#forget(now);
    const visits = new TokenBucket(NEWCOMER_PER_SECOND, NEWCOMER_BURST, now);
    this.#visits.set(key, visits);
    return visits;
  }

  /** A full bucket says nothing. If all of them say something, the oldest goes. */
  #forget(now: number): void {
    for (const [key, visits] of this.#visits) if (visits.full(now)) this.#visits.delete(key);
    const [oldest] = this.#visits.keys();
    if (this.#visits.size >= MAX_RATED_ADDRESSES && oldest !== undefined) this.#visits.delete(oldest);
  }

  #place(key: string, end: () => void): Place {
    let among: Tally | undefined = this.#strangers;
    let open = true;
    const waiting = this.#waiting;
    const stranger: Stranger = {
      since: this.#clock.monotonic(),
      sendAway: () => {
        moveTo(undefined);
        end();
      },
    };
    waiting.add(stranger);
    function moveTo(next: Tally | undefined): void {
      waiting.delete(stranger);
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
