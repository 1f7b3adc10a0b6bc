/**
 * Everything that people have open through this proxy. When grants narrow, it is judged again and what
 * is no longer covered is cut in the same turn of the event loop; timers do the same when
 * something ends by the clock. Whether something is covered: packages/access.
 */
import { randomUUID } from "node:crypto";
import { decide, nextTurn, userOf } from "@teleport-access/access";
import type { AccessRefusal, AccessRequest, Grant, IssueRequest, World } from "@teleport-access/access";
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";
import type { AccessChange } from "../acl/store.ts";

/** The requests that leave something open. */
export type LiveRequest = Exclude<AccessRequest, IssueRequest>;

/** Something that a person has open. */
export interface LiveSession {
  /**
   * A connection has shown who it is; what it carries are sessions of their own. "target" is the login of the
   * forward form at a target, "forward" each session and channel in it; "menu" is a session on the proxy itself.
   */
  readonly kind: "connection" | "jump" | "forward" | "target" | "menu" | "terminal";
  /** What was allowed; it is asked again at each change. */
  readonly request: LiveRequest;
  /** What it was allowed by. */
  readonly grants: readonly Grant[];
  /** `host.cluster:port`, where there is one. */
  readonly target?: string;
  readonly cluster?: string;
  /** The account at the target, where it is known. */
  readonly login?: string;
  readonly client: string;
  /** The SSH connection that it is or belongs to. */
  readonly connection?: string;
  /** What went through it so far; asked when it is cut. */
  traffic?(): Traffic;
  /** Ends it at once, without waiting for anything. */
  cut(reason: AccessRefusal): void;
}

/** Bytes of a session: in is from the person, out is to them. */
export interface Traffic {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** How a session ended: cut, or by itself. */
export interface SessionEnd {
  readonly id: string;
  readonly session: LiveSession;
  readonly user: string;
  readonly reason: AccessRefusal | OrdinaryEnd;
  /** The grant whose loss ended it: the first of those that allowed it. */
  readonly grant?: { readonly uid: string; readonly name: string; readonly resourceVersion: string };
  /** From the moment the proxy learnt that access had ended to the cut. */
  readonly milliseconds?: number;
  readonly openedAt: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
}

/** Ends that nobody ordered. */
export type OrdinaryEnd =
  | "client-closed"
  | "target-closed"
  | "tunnel-lost"
  | "failed"
  | "shutdown"
  /** The proxy itself had nothing more to say. */
  | "answered";

/** The holder's end of a session. */
export interface OpenSession {
  readonly id: string;
  /** False once it was cut or ended. */
  readonly live: boolean;
  /** It ended by itself; the second call and one after a cut do nothing. */
  end(reason: OrdinaryEnd, traffic?: Traffic): void;
}

/** What the registry is made of. */
export interface SessionRegistryOptions {
  world(now: number): World;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of every session that ends; cuts are told after all cuts of a batch were made. */
  ended(end: SessionEnd): void;
}

/** When the proxy learnt that access may have changed, and the objects' versions if objects did it. */
export type JudgeCause = Pick<AccessChange, "at"> & Partial<AccessChange>;

/** The sessions of one proxy. */
export interface SessionRegistry {
  /** Takes a session in; it is judged at once, since access may have ended after it was allowed. */
  open(session: LiveSession): OpenSession;
  /** How many a person has open. */
  count(user: string, kind: LiveSession["kind"]): number;
  /** How many are open in all. */
  readonly size: number;
  /** Judges everything again; returns how many were cut. */
  judge(cause: JudgeCause): number;
  /** Judges if the next dated change is past: timers do not notice when the clock is set forward. */
  catchUp(): void;
  /** Stops the timer; sessions are left to their holders. */
  close(): void;
}

/** Makes an empty registry. */
export function createSessionRegistry(options: SessionRegistryOptions): SessionRegistry {
  return new Registry(options);
}

interface Entry {
  readonly id: string;
  readonly user: string;
  readonly session: LiveSession;
  readonly openedAt: number;
  live: boolean;
}

class Registry implements SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #entries = new Set<Entry>();
  #timer: Timer | undefined;
  /** When the timer fires, in wall time. */
  #turn = Infinity;

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  count(user: string, kind: LiveSession["kind"]): number {
    let found = 0;
    for (const entry of this.#entries) if (entry.user === user && entry.session.kind === kind) found++;
    return found;
  }

  open(session: LiveSession): OpenSession {
    const { clock } = this.#options;
    const entry: Entry = {
      id: randomUUID(),
      user: userOf(session.request.identity),
      session,
      openedAt: clock.now(),
      live: true,
    };
    this.#entries.add(entry);
    this.#judgeNew(entry);
    return {
      id: entry.id,
      get live() {
        return entry.live;
      },
      end: (reason, traffic) => {
        this.#end(entry, reason, traffic);
      },
    };
  }

  judge(cause: JudgeCause): number {
    const { clock } = this.#options;
    const world = this.#options.world(clock.now());
    const cuts: SessionEnd[] = [];
    let turn = Infinity;
    // A copy: cutting one session may end others.
    for (const entry of [...this.#entries]) {
      const decision = decide({ ...entry.session.request, live: true }, world);
      if (decision.allowed) turn = Math.min(turn, nextTurn(entry.session.request.identity, world));
      else if (entry.live) cuts.push(this.#cut(entry, decision.reason, { ...cause, world }));
    }
    this.#arm(turn);
    // Told last: the slowest part, and nobody's access waits for it.
    for (const cut of cuts) this.#options.ended(cut);
    return cuts.length;
  }

  catchUp(): void {
    const { clock } = this.#options;
    if (clock.now() >= this.#turn) this.judge({ at: clock.monotonic() });
  }

  close(): void {
    this.#timer?.cancel();
    this.#turn = Infinity;
  }

  #judgeNew(entry: Entry): void {
    const { clock } = this.#options;
    const world = this.#options.world(clock.now());
    const decision = decide({ ...entry.session.request, live: true }, world);
    if (decision.allowed) this.#armFor(nextTurn(entry.session.request.identity, world));
    else this.#options.ended(this.#cut(entry, decision.reason, { at: clock.monotonic(), world }));
  }

  #cut(entry: Entry, reason: AccessRefusal, cause: JudgeCause & { readonly world: World }): SessionEnd {
    entry.live = false;
    this.#entries.delete(entry);
    try {
      entry.session.cut(reason);
    } catch (error) {
      this.#options.log.error("session could not be cut", { session: entry.id, ...errorFields(error) });
    }
    const [grant] = entry.session.grants;
    return {
      id: entry.id,
      session: entry.session,
      user: entry.user,
      openedAt: entry.openedAt,
      reason,
      milliseconds: Math.max(0, this.#options.clock.monotonic() - cause.at),
      ...entry.session.traffic?.(),
      ...(grant === undefined ? {} : { grant: atEnd(lostGrant(entry, cause.world) ?? grant, cause) }),
    };
  }

  #end(entry: Entry, reason: OrdinaryEnd, traffic?: Traffic): void {
    if (!entry.live) return;
    entry.live = false;
    this.#entries.delete(entry);
    const { id, session, user, openedAt } = entry;
    this.#options.ended({ id, session, user, openedAt, reason, ...traffic });
  }

  #armFor(turn: number): void {
    if (turn < this.#turn) this.#arm(turn);
  }

  #arm(turn: number): void {
    this.#timer?.cancel();
    this.#turn = turn;
    if (turn === Infinity) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(Math.max(0, turn - clock.now()), () => {
      this.#turn = Infinity;
      this.judge({ at: clock.monotonic() - Math.max(0, clock.now() - turn) });
    });
  }
}

/** Of the grants that allowed it, the first that does not stand as it stood. */
function lostGrant({ user, session }: Entry, world: World): Grant | undefined {
  const now = world.grantsOf(user);
  return session.grants.find((grant) => {
    const same = now.find(({ uid }) => uid === grant.uid);
    return same?.resourceVersion !== grant.resourceVersion;
  });
}

function atEnd(grant: Grant, cause: Partial<AccessChange>): NonNullable<SessionEnd["grant"]> {
  const { uid, name, resourceVersion } = grant;
  return { uid, name, resourceVersion: cause.versions?.get(uid) ?? resourceVersion };
}
