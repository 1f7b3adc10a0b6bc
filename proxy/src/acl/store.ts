/**
 * The live view of who may do what: the proxy's own copy of UserAccess, ProxyUser,
 * TrustedHostCA, KeyHelperToken and LoginSession. Objects come in by watch.ts.
 */
import { parseGrant, parseTrust, parseUser } from "@teleport-access/access";
import type {
  ClusterTrust,
  Grant,
  LoginSessionView,
  StalePolicy,
  User,
  World,
} from "@teleport-access/access";
import type { KubeObject } from "@teleport-access/crd";
import { errorFields } from "@teleport-access/daemon";
import type { Clock, Logger } from "@teleport-access/daemon";
import type { Change } from "@teleport-access/kube";
import type { SshPublicKey } from "@teleport-access/sshcert";
import { parseKeyHelperToken, parseLoginSession } from "./parse-sessions.ts";
import { ViewTable } from "./view-table.ts";

/** One machine's right to run a key-helper. Times are milliseconds since the epoch. */
export interface KeyHelperTokenView {
  readonly name: string;
  readonly uid: string;
  readonly user: string;
  /** `sha256:<hex>` of the whole token text. */
  readonly tokenHash: string;
  /** Pins the SSH key that may be signed. */
  readonly publicKeyFingerprint?: string;
  readonly expirationTime: number;
  /** The device key that first used the token. */
  readonly boundKeyFingerprint?: string;
  readonly resourceVersion: string;
}

/** What the rest of the proxy may ask about access; every answer is from memory. */
export interface AccessStore {
  /** The facts for one decision, all of one moment. */
  world(now: number): World;
  user(name: string): User | undefined;
  /** All grants of a person, in force or not. */
  grantsOf(user: string): readonly Grant[];
  cluster(name: string): ClusterTrust | undefined;
  clusters(): readonly ClusterTrust[];
  /** By `sha256:<hex>` of the token text. */
  keyHelperToken(hash: string): KeyHelperTokenView | undefined;
  /** All tokens of a person, for the page that lists them. */
  keyHelperTokensOf(user: string): readonly KeyHelperTokenView[];
  /** Only sessions whose seal is good. */
  loginSession(name: string): LoginSessionView | undefined;
  loginSessionsOf(user: string): readonly LoginSessionView[];
  /** Whether every watch has had its first list. */
  readonly synced: boolean;
  /** The oldest of the watches' last proofs of freshness, in milliseconds since the epoch; 0 before the first sync. */
  lastProof(): number;
  stale(now: number): boolean;
  /**
   * Called synchronously after each applied batch that may change a decision, and when the list turns stale or
   * fresh again; returns how to stop.
   */
  onChange(listener: (cause: AccessChange) => void): () => void;
}

/** What made decisions change. */
export interface AccessChange {
  /** When the proxy learnt of it, on the monotonic clock. */
  readonly at: number;
  /** The resourceVersion that each object of the batch now has (a deleted one: had in its end), by uid. */
  readonly versions: ReadonlyMap<string, string>;
  /** The clusters whose trust is another one now. */
  readonly clusters: readonly string[];
}

/** The kinds that the proxy watches, by plural. */
export type WatchedKind =
  "useraccesses" | "proxyusers" | "trustedhostcas" | "keyhelpertokens" | "loginsessions";

/** All of them, in the order in which a batch of first lists is best taken in. */
export const WATCHED_KINDS: readonly WatchedKind[] = [
  "proxyusers",
  "trustedhostcas",
  "useraccesses",
  "loginsessions",
  "keyhelpertokens",
];

/** The store as its watches fill it. */
export interface FilledAccessStore extends AccessStore {
  /** Takes in one batch of a watch, synchronously. */
  apply(kind: WatchedKind, changes: readonly Change<KubeObject>[]): void;
  /** The first list of a kind is complete. */
  markSynced(kind: WatchedKind): void;
  /** A kind's watch has proof that it was current at `time`. */
  proved(kind: WatchedKind, time: number): void;
  /** Tells the listeners when the list has turned stale or fresh since the last call; true when it has. */
  checkFreshness(): boolean;
}

/** What the store is made of. */
export interface AccessStoreOptions {
  readonly namespace: string;
  /** The key of LoginSession seals, from loginSessionSealKey. */
  readonly sealKey: Buffer;
  userAuthorities(): readonly SshPublicKey[];
  readonly maxCertificateTtlSeconds: number;
  readonly maxStalenessSeconds: number;
  readonly onStale: StalePolicy;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An empty store: nobody may do anything until its watches have filled it. */
export function createAccessStore(options: AccessStoreOptions): FilledAccessStore {
  return new Store(options);
}

class Store implements FilledAccessStore {
  readonly #options: AccessStoreOptions;
  readonly #grants: ViewTable<Grant>;
  readonly #users: ViewTable<User>;
  readonly #clusters: ViewTable<ClusterTrust>;
  readonly #tokens: ViewTable<KeyHelperTokenView>;
  readonly #sessions: ViewTable<LoginSessionView>;
  readonly #unsynced = new Set<WatchedKind>(WATCHED_KINDS);
  readonly #proofs = new Map<WatchedKind, number>();
  readonly #listeners = new Set<(cause: AccessChange) => void>();
  #wasStale = true;

  constructor(options: AccessStoreOptions) {
    this.#options = options;
    const { log, namespace, sealKey } = options;
    this.#grants = new ViewTable<Grant>({
      kind: "UserAccess",
      parse: parseGrant,
      essence: withoutVersion,
      group: (g) => g.user,
      log,
    });
    this.#users = new ViewTable<User>({
      kind: "ProxyUser",
      parse: parseUser,
      essence: withoutVersion,
      group: (u) => u.name,
      log,
    });
    this.#clusters = new ViewTable<ClusterTrust>({
      kind: "TrustedHostCA",
      parse: parseTrust,
      essence: (trust) => withoutVersion({ ...trust, authorities: [] }),
      group: (c) => c.name,
      log,
    });
    this.#tokens = new ViewTable<KeyHelperTokenView>({
      kind: "KeyHelperToken",
      parse: parseKeyHelperToken,
      essence: withoutVersion,
      group: (t) => t.user,
      log,
    });
    this.#sessions = new ViewTable<LoginSessionView>({
      kind: "LoginSession",
      parse: (object) => parseLoginSession(object, namespace, sealKey),
      essence: withoutVersion,
      group: (s) => s.user,
      log,
    });
  }

  get synced(): boolean {
    return this.#unsynced.size === 0;
  }

  world(now: number): World {
    const { maxCertificateTtlSeconds, onStale } = this.#options;
    return {
      now,
      userAuthorities: this.#options.userAuthorities(),
      maxCertificateTtlSeconds,
      freshness: { stale: this.stale(now), lastProof: this.lastProof(), policy: onStale },
      user: (name) => this.user(name),
      grantsOf: (user) => this.grantsOf(user),
      cluster: (name) => this.cluster(name),
      clusters: () => this.clusters(),
      loginSession: (name) => this.loginSession(name),
    };
  }

  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  grantsOf(user: string): readonly Grant[] {
    return this.#grants.inGroup(user);
  }

  cluster(name: string): ClusterTrust | undefined {
    return this.#clusters.get(name);
  }

  clusters(): readonly ClusterTrust[] {
    return this.#clusters.all();
  }

  keyHelperToken(hash: string): KeyHelperTokenView | undefined {
    // Hashes of 256-bit secrets: how long the search takes tells nothing that helps to guess one.
    return this.#tokens.all().find((token) => token.tokenHash === hash);
  }

  keyHelperTokensOf(user: string): readonly KeyHelperTokenView[] {
    return this.#tokens.inGroup(user);
  }

  loginSession(name: string): LoginSessionView | undefined {
    return this.#sessions.get(name);
  }

  loginSessionsOf(user: string): readonly LoginSessionView[] {
    return this.#sessions.inGroup(user);
  }

  lastProof(): number {
    return this.synced ? Math.min(...WATCHED_KINDS.map((kind) => this.#proofs.get(kind) ?? 0)) : 0;
  }

  stale(now: number): boolean {
    return now - this.lastProof() > this.#options.maxStalenessSeconds * 1000;
  }

  onChange(listener: (cause: AccessChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  apply(kind: WatchedKind, changes: readonly Change<KubeObject>[]): void {
    const at = this.#options.clock.monotonic();
    const changed = this.#tableOf(kind).apply(changes);
    if (changed.length === 0) return;
    const versions = new Map(
      changes.map(({ object: { metadata } }) => [metadata.uid ?? "", metadata.resourceVersion ?? ""]),
    );
    this.#tell({ at, versions, clusters: kind === "trustedhostcas" ? changed : [] });
  }

  markSynced(kind: WatchedKind): void {
    this.#unsynced.delete(kind);
  }

  proved(kind: WatchedKind, time: number): void {
    this.#proofs.set(kind, time);
  }

  checkFreshness(): boolean {
    const { clock, log } = this.#options;
    const stale = this.stale(clock.now());
    if (stale === this.#wasStale) return false;
    this.#wasStale = stale;
    if (stale) log.warn("access list is stale", { lastProof: new Date(this.lastProof()).toISOString() });
    else log.info("access list is fresh");
    this.#tell({ at: clock.monotonic(), versions: new Map(), clusters: [] });
    return true;
  }

  #tableOf(kind: WatchedKind): { apply(changes: readonly Change<KubeObject>[]): readonly string[] } {
    switch (kind) {
      case "useraccesses":
        return this.#grants;
      case "proxyusers":
        return this.#users;
      case "trustedhostcas":
        return this.#clusters;
      case "keyhelpertokens":
        return this.#tokens;
      case "loginsessions":
        return this.#sessions;
    }
  }

  /** One listener's defect must not keep the next from cutting. */
  #tell(cause: AccessChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(cause);
      } catch (error) {
        this.#options.log.error("listener of the access list failed", errorFields(error));
      }
    }
  }
}

/** Status updates change an object's version many times a day, and decide nothing. */
function withoutVersion(view: object): string {
  return JSON.stringify({ ...view, resourceVersion: undefined });
}
