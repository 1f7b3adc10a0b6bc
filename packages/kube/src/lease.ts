/**
 * Leader election over a Lease: one of several operator pods acts, the others
 * wait. Follows client-go: whose lease has not been renewed for its duration *by our
 * own clock since we saw it change* is free; the times in the Lease are for people.
 *
 * A leader that cannot renew stops before anybody else may start: it loses after
 * `renewDeadlineMs`, which is shorter than the duration that others wait for.
 */
import { errorFields, systemClock } from "@teleport-access/daemon";
import type { Clock, Logger, Timer } from "@teleport-access/daemon";
import type { KubeClient } from "./client.ts";
import type { Lease } from "./core-objects.ts";
import { isKubeError } from "./errors.ts";
import { RESOURCES } from "./resources.ts";
import { microTime } from "./time.ts";

export interface LeaseElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Name of the Lease. */
  readonly name: string;
  /** Ours; different for each process, such as the pod's name. */
  readonly identity: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** @default 15000 */
  readonly durationMs?: number;
  /** @default 10000 */
  readonly renewDeadlineMs?: number;
  /** @default 2000 */
  readonly retryMs?: number;
  /** We lead. Called at most once. */
  onElected(): void;
  /** We led and do not any more: end the process. Not called after stop(). */
  onLost(): void;
}

export interface LeaseElector {
  readonly leading: boolean;
  /** Stops; gives the Lease back when we hold it, so that the next pod need not wait. Never rejects. */
  stop(): Promise<void>;
}

/** Starts to seek the Lease. */
export function startLeaseElector(options: LeaseElectorOptions): LeaseElector {
  const elector = new Elector(options);
  elector.start();
  return elector;
}

/** No API call may outlive the time in which its answer matters. */
const CALL_TIMEOUT_MS = 5_000;

class Elector implements LeaseElector {
  readonly #options: LeaseElectorOptions;
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  #leading = false;
  #stopped = false;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  /** The last Lease seen, and when (monotonic) it was first seen like that. */
  #seen: { readonly version: string; readonly at: number } | undefined;
  /** When we must have renewed it. */
  #deadline: Timer | undefined;

  constructor(options: LeaseElectorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#durationMs = options.durationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryMs ?? 2_000;
  }

  get leading(): boolean {
    return this.#leading;
  }

  start(): void {
    this.#round = this.#tryOnce();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#deadline?.cancel();
    await this.#round;
    if (!this.#leading) return;
    this.#leading = false;
    try {
      await this.#release();
    } catch (error) {
      this.#options.log.debug("lease not given back", errorFields(error));
    }
  }

  /** One try to get or renew the Lease, then the next one is planned. Never rejects. */
  async #tryOnce(): Promise<void> {
    const startedAt = this.#clock.monotonic();
    const held = await this.#acquire().catch((error: unknown) => {
      // Losing the race for the Lease is the ordinary case, not a failure.
      if (!isKubeError(error, "KUBE_CONFLICT", "KUBE_ALREADY_EXISTS")) {
        this.#options.log.warn("cannot reach the lease", errorFields(error));
      }
      return undefined;
    });
    if (held === true) this.#won(startedAt);
    else if (held === false) this.#lose();
    if (this.#stopped) return;
    this.#timer = this.#clock.setTimer(this.#retryMs, () => {
      this.#round = this.#tryOnce();
    });
  }

  #won(startedAt: number): void {
    if (this.#stopped) return;
    // A timer, not a look at the clock after each try: a try may hang for longer than is left.
    this.#deadline?.cancel();
    const left = startedAt + this.#renewDeadlineMs - this.#clock.monotonic();
    this.#deadline = this.#clock.setTimer(left, () => {
      this.#lose();
    });
    if (this.#leading) return;
    this.#leading = true;
    this.#options.log.info("became leader", { lease: this.#options.name });
    this.#options.onElected();
  }

  /** Somebody else has the Lease, or may have it soon. */
  #lose(): void {
    if (!this.#leading || this.#stopped) return;
    this.#leading = false;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#deadline?.cancel();
    this.#options.log.error("lost the lease", { lease: this.#options.name });
    this.#options.onLost();
  }

  /** Whether the Lease is ours now. */
  async #acquire(): Promise<boolean> {
    const { client, namespace, name, identity } = this.#options;
    const call = { timeoutMs: Math.min(CALL_TIMEOUT_MS, this.#renewDeadlineMs / 2) };
    const lease = await client.get(RESOURCES.leases, { namespace, name }, call);
    if (lease === undefined) {
      await client.create(RESOURCES.leases, this.#draft(undefined), call);
      return true;
    }
    if (lease.spec?.holderIdentity !== identity && !this.#isFree(lease)) return false;
    await client.replace(RESOURCES.leases, this.#draft(lease), call);
    return true;
  }

  #isFree(lease: Lease): boolean {
    const { holderIdentity = "", leaseDurationSeconds } = lease.spec ?? {};
    const version = lease.metadata.resourceVersion ?? "";
    if (this.#seen?.version !== version) this.#seen = { version, at: this.#clock.monotonic() };
    if (holderIdentity === "") return true;
    const durationMs = leaseDurationSeconds === undefined ? this.#durationMs : leaseDurationSeconds * 1000;
    return this.#clock.monotonic() - this.#seen.at >= durationMs;
  }

  #draft(lease: Lease | undefined): Lease {
    const { namespace, name, identity } = this.#options;
    const now = microTime(new Date(this.#clock.now()));
    const spec = lease?.spec ?? {};
    const ours = spec.holderIdentity === identity;
    const transitions = spec.leaseTransitions ?? 0;
    return {
      metadata: { ...lease?.metadata, namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.round(this.#durationMs / 1000),
        acquireTime: (ours ? spec.acquireTime : undefined) ?? now,
        renewTime: now,
        leaseTransitions: lease === undefined || ours ? transitions : transitions + 1,
      },
    };
  }

  async #release(): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    const call = { timeoutMs: CALL_TIMEOUT_MS };
    const lease = await client.get(RESOURCES.leases, { namespace, name }, call);
    if (lease?.spec?.holderIdentity !== identity) return;
    const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
    await client.replace(RESOURCES.leases, { ...lease, spec }, call);
  }
}
