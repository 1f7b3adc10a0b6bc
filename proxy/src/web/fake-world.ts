/**
 * For tests only: a namespace in memory. Objects written through its kube client
 * reach the access store as a watch would bring them, at once; the store and the
 * user CA are the real ones.
 */
import { createHash } from "node:crypto";
import { API_VERSION } from "@teleport-access/crd";
import type { KubeObject } from "@teleport-access/crd";
import type { Clock } from "@teleport-access/daemon";
import { createLogger, createMetrics } from "@teleport-access/daemon";
import { KubeError } from "@teleport-access/kube";
import type { KubeClient, ResourceRef } from "@teleport-access/kube";
import { formatPkcs8, formatPublicKeyLine, generatePrivateKey, publicKeyOf } from "@teleport-access/sshcert";
import type { AuditEvent, ProxyConfig } from "@teleport-access/wire";
import { createAccessStore, WATCHED_KINDS } from "../acl/store.ts";
import type { FilledAccessStore, WatchedKind } from "../acl/store.ts";
import { parseCaKeys } from "../ca/ca-keys.ts";
import type { CaKeys } from "../ca/ca-keys.ts";
import { createUserCa } from "../ca/user-ca.ts";
import { createCredentialStore } from "../signin/credentials.ts";
import { createAddressBudget } from "../signin/lockout.ts";
import { loginSessionSealKey } from "../signin/login-session-seal.ts";
import { deriveKey } from "../signin/session-key.ts";
import type { WebDeps } from "./deps.ts";

/** Namespace of everything in a fake world. */
export const NAMESPACE = "acme";

/** A web server's dependencies, and the hands of a test on them. */
export interface FakeWorld {
  readonly deps: WebDeps;
  readonly store: FilledAccessStore;
  readonly audited: AuditEvent[];
  readonly tls: { key: string; cert: string };
  /** Calls that failed on purpose from now on, by `verb plural`. */
  readonly failing: Map<string, KubeError>;
  put(plural: string, name: string, body: object): void;
  remove(plural: string, name: string): void;
  read(plural: string, name: string): Stored | undefined;
  /** A person with an invite that `token` opens, and no grant. */
  addUser(name: string, token?: string): void;
  /** A grant for all hosts of `prod` as deploy. */
  addGrant(user: string, name?: string, spec?: object): void;
  /** Values of a Secret, decoded. */
  secret(name: string): Record<string, string>;
  config: ProxyConfig;
  /** Says that `tls` holds something new. */
  announceTls(): void;
}

/** An object as it is stored. */
export interface Stored extends KubeObject {
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
  readonly data?: Record<string, string>;
}

export const FAKE_CONFIG: ProxyConfig = {
  name: "acme",
  publicAddresses: {
    web: "https://proxy.example.com",
    ssh: "proxy.example.com:3023",
    tunnel: "proxy.example.com:3024",
  },
  certificates: { defaultTtlSeconds: 8 * 3600, maxTtlSeconds: 24 * 3600 },
  web: { sessionTtlSeconds: 3600, idleTimeoutSeconds: 1200, terminal: true },
  authentication: { lockout: { maxAttempts: 5, windowSeconds: 900 }, totpIssuer: "acme" },
  revocation: { maxStalenessSeconds: 60, onStale: "DenyNew" },
  limits: { maxConnections: 5000, maxSessionsPerUser: 50, handshakesPerSecond: 50 },
  proxyProtocolRanges: [],
};

/** Makes a world with one trusted cluster, `prod`, and nobody in it. */
export function createFakeWorld(clock: Clock, tls: { key: string; cert: string }): FakeWorld {
  const sessionKey = createHash("sha256").update("session key of the tests").digest();
  const caKey = generatePrivateKey("Ed25519");
  const keys = parseCaKeys(formatPkcs8(caKey), formatPublicKeyLine(publicKeyOf(caKey)));
  const audited: AuditEvent[] = [];
  const failing = new Map<string, KubeError>();
  const tlsListeners = new Set<() => void>();
  const store = createStore(clock, sessionKey, keys);
  const objects = new FakeObjects(store, clock);
  const world: FakeWorld = {
    store,
    audited,
    tls,
    failing,
    config: FAKE_CONFIG,
    announceTls: () => {
      for (const listener of tlsListeners) listener();
    },
    put: (plural, name, body) => {
      objects.put(plural, name, body);
    },
    remove: (plural, name) => {
      objects.remove(plural, name);
    },
    read: (plural, name) => objects.get(plural, name),
    addUser: (name, token) => {
      addUser(objects, name, token, clock.now());
    },
    addGrant: (user, name = `${user}-prod`, spec = {}) => {
      objects.put("useraccesses", name, { spec: { userRef: { name: user }, ...GRANT, ...spec } });
    },
    secret: (name) => decoded(objects.get("secrets", name)?.data ?? {}),
    deps: createDeps(
      { clock, keys, store, audited, sessionKey, objects, failing, tls, tlsListeners },
      () => world.config,
    ),
  };
  const hostCa = publicKeyOf(generatePrivateKey("Ed25519"));
  objects.put("trustedhostcas", "prod", {
    spec: { publicKeys: [formatPublicKeyLine(hostCa)], principals: "Scoped" },
  });
  return world;
}

interface Parts {
  readonly clock: Clock;
  readonly keys: CaKeys;
  readonly store: FilledAccessStore;
  readonly audited: AuditEvent[];
  readonly sessionKey: Buffer;
  readonly objects: FakeObjects;
  readonly failing: ReadonlyMap<string, KubeError>;
  readonly tls: { key: string; cert: string };
  readonly tlsListeners: Set<() => void>;
}

function createDeps(parts: Parts, config: () => ProxyConfig): WebDeps {
  const { clock, keys, store, audited, sessionKey, tls, tlsListeners } = parts;
  const hostKey = publicKeyOf(generatePrivateKey("Ed25519"));
  const kube = fakeClient(parts.objects, parts.failing);
  return {
    config,
    namespace: NAMESPACE,
    store,
    ca: createUserCa({
      keys: () => keys,
      world: (now) => store.world(now),
      announcedTargets: () => [{ host: "web-1" }],
      defaultTtlSeconds: 8 * 3600,
      maxTtlSeconds: 24 * 3600,
    }),
    kube,
    codes: {
      credentials: createCredentialStore(kube, NAMESPACE),
      budget: createAddressBudget(),
      clock,
      totpKey: deriveKey(sessionKey, "totp"),
      lockout: () => config().authentication.lockout,
    },
    sessionKey,
    tls: () => tls,
    onTlsChange: (listener) => {
      tlsListeners.add(listener);
      return () => tlsListeners.delete(listener);
    },
    hostKeys: () => [hostKey],
    announcedTargets: () => [{ host: "web-1" }],
    clock,
    log: createLogger({ program: "proxy", level: "silent" }),
    audit: { record: (event) => audited.push(event) },
    metrics: createMetrics("proxy"),
  };
}

/** What a grant says unless a test says otherwise. */
const GRANT = { clusters: ["prod"], logins: ["deploy"], targets: [{ host: "*" }], secondFactor: "PerSignIn" };

function createStore(clock: Clock, sessionKey: Buffer, keys: CaKeys): FilledAccessStore {
  const store = createAccessStore({
    namespace: NAMESPACE,
    sealKey: loginSessionSealKey(sessionKey),
    userAuthorities: () => keys.publicKeys,
    maxCertificateTtlSeconds: 24 * 3600,
    maxStalenessSeconds: 60,
    onStale: "DenyNew",
    clock,
    log: createLogger({ program: "proxy", level: "silent" }),
  });
  for (const kind of WATCHED_KINDS) {
    store.markSynced(kind);
    // Fresh for as long as a test may move its clock.
    store.proved(kind, clock.now() + 10 * 365 * 86_400_000);
  }
  return store;
}

function addUser(objects: FakeObjects, name: string, token: string | undefined, now: number): void {
  objects.put("proxyusers", name, { spec: {} });
  const hash = createHash("sha256")
    .update(token ?? "")
    .digest("hex");
  const expires = new Date(now + 86_400_000).toISOString();
  const data = token === undefined ? {} : encoded({ "invite.hash": hash, "invite.expires": expires });
  objects.put("secrets", `${name}-credentials`, { data });
  objects.put("secrets", `${name}-invite`, { data: encoded({ url: "…" }) });
}

function encoded(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([k, v]) => [k, Buffer.from(v).toString("base64")]));
}

function decoded(data: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v, "base64").toString()]));
}

/** Objects by plural and name, as the API server keeps them. */
class FakeObjects {
  readonly #objects = new Map<string, Stored>();
  readonly #store: FilledAccessStore;
  readonly #clock: Clock;
  #version = 100;

  constructor(store: FilledAccessStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get(plural: string, name: string): Stored | undefined {
    return this.#objects.get(`${plural}/${name}`);
  }

  all(plural: string): Stored[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object);
  }

  put(plural: string, name: string, body: object): Stored {
    const previous = this.get(plural, name);
    const given = body as Stored;
    this.#version += 1;
    const object: Stored = {
      apiVersion: API_VERSION,
      ...given,
      metadata: {
        creationTimestamp: new Date(this.#clock.now()).toISOString(),
        ...previous?.metadata,
        ...given.metadata,
        name,
        namespace: NAMESPACE,
        uid: previous?.metadata.uid ?? `uid-${this.#version}`,
        resourceVersion: String(this.#version),
      },
    };
    this.#objects.set(`${plural}/${name}`, object);
    this.#tell(plural, previous === undefined ? "added" : "updated", object);
    return object;
  }

  remove(plural: string, name: string): boolean {
    const object = this.get(plural, name);
    if (object === undefined) return false;
    this.#objects.delete(`${plural}/${name}`);
    this.#tell(plural, "deleted", object);
    return true;
  }

  #tell(plural: string, type: "added" | "updated" | "deleted", object: KubeObject): void {
    const kind = WATCHED_KINDS.find((watched): watched is WatchedKind => watched === plural);
    if (kind !== undefined) this.#store.apply(kind, [{ type, object }]);
  }
}

function fakeClient(objects: FakeObjects, failing: ReadonlyMap<string, KubeError>): KubeClient {
  function check(verb: string, ref: ResourceRef): void {
    const error = failing.get(`${verb} ${ref.plural}`);
    if (error !== undefined) throw error;
  }
  function checkVersion(current: Stored | undefined, wanted: string | undefined): void {
    if (current === undefined) throw new KubeError("KUBE_NOT_FOUND", "no such object");
    if (wanted !== undefined && wanted !== current.metadata.resourceVersion) {
      throw new KubeError("KUBE_CONFLICT", "the object has been modified");
    }
  }
  const client = {
    get: async (ref: ResourceRef, { name }: { name: string }) => {
      await Promise.resolve();
      check("get", ref);
      return structuredClone(objects.get(ref.plural, name));
    },
    list: async (ref: ResourceRef) => {
      await Promise.resolve();
      check("list", ref);
      return { items: objects.all(ref.plural), resourceVersion: "1" };
    },
    create: async (ref: ResourceRef, object: KubeObject) => {
      await Promise.resolve();
      check("create", ref);
      return objects.put(ref.plural, object.metadata.name, object);
    },
    replace: async (ref: ResourceRef, object: KubeObject) => {
      await Promise.resolve();
      check("replace", ref);
      const { name, resourceVersion } = object.metadata;
      checkVersion(objects.get(ref.plural, name), resourceVersion);
      return objects.put(ref.plural, name, object);
    },
    patch: async (ref: ResourceRef, { name }: { name: string }, patch: Stored) => {
      await Promise.resolve();
      check("patch", ref);
      const current = objects.get(ref.plural, name);
      const { resourceVersion } = patch.metadata as { resourceVersion?: string };
      checkVersion(current, resourceVersion);
      return objects.put(ref.plural, name, { ...current, status: { ...current?.status, ...patch.status } });
    },
    delete: async (ref: ResourceRef, { name }: { name: string }) => {
      await Promise.resolve();
      check("delete", ref);
      return objects.remove(ref.plural, name);
    },
  };
  return client as unknown as KubeClient;
}
