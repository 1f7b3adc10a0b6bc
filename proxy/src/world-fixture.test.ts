/**
 * What the unit tests of the SSH half share: a store filled as its watches would, a clock that stands still,
 * and everything that was logged. It has no tests of its own.
 */
import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SESSION_EXTENSION } from "@teleport-access/access";
import type { KubeObject } from "@teleport-access/crd";
import { createLogger, createMetrics, ManualClock } from "@teleport-access/daemon";
import type { Logger } from "@teleport-access/daemon";
import { formatPublicKeyLine, issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate, SshPublicKey } from "@teleport-access/sshcert";
import type { AuditEvent } from "@teleport-access/wire";
import { createAccessStore, WATCHED_KINDS } from "./acl/store.ts";
import type { AccessStoreOptions, FilledAccessStore, WatchedKind } from "./acl/store.ts";
import type { Audit } from "./audit.ts";
import { createProxyMetrics } from "./metrics.ts";
import type { ProxyMetrics } from "./metrics.ts";
import { loginSessionSealKey, sealLoginSession } from "./signin/login-session-seal.ts";

export const NOW: number = Date.UTC(2026, 0, 31, 8);
export const HOUR = 3_600_000;
export const NAMESPACE = "acme";
export const SESSION_KEY: Buffer = Buffer.alloc(32, 7);

function newKey(): KeyObject {
  return generateKeyPairSync("ed25519").privateKey;
}

export const USER_CA: KeyObject = newKey();
export const HOST_CA: KeyObject = newKey();
export const OTHER_CA: KeyObject = newKey();
const AUTHORITIES = [publicKeyOf(USER_CA)];
const SUBJECT = publicKeyOf(newKey());

let version = 0;

/** An object as a watch delivers it. Each call makes a newer version; the uid follows from kind and name. */
export function object(kind: WatchedKind, name: string, spec: object, metadata: object = {}): KubeObject {
  version++;
  return {
    apiVersion: "teleport-access.io/v1alpha1",
    kind,
    metadata: {
      name,
      namespace: NAMESPACE,
      uid: `u-${kind}-${name}`,
      resourceVersion: String(version),
      ...metadata,
    },
    spec,
  } as KubeObject;
}

export function grantObject(name = "alice-prod", spec: object = {}): KubeObject {
  const base = { userRef: { name: "alice" }, clusters: ["prod"], logins: ["deploy"] };
  return object("useraccesses", name, { ...base, ...spec });
}

export function trustObject(name = "prod", spec: object = {}, metadata: object = {}): KubeObject {
  const publicKeys = [formatPublicKeyLine(publicKeyOf(HOST_CA))];
  return object("trustedhostcas", name, { publicKeys, ...spec }, metadata);
}

export function sessionObject(name = "s-alice", over: { user?: string; expires?: number } = {}): KubeObject {
  const user = over.user ?? "alice";
  const expirationTime = new Date(over.expires ?? NOW + 8 * HOUR).toISOString();
  const factors = ["Password", "TOTP"];
  const fields = { namespace: NAMESPACE, name, user, expirationTime, factors };
  const seal = sealLoginSession(loginSessionSealKey(SESSION_KEY), fields);
  return object("loginsessions", name, { userRef: { name: user }, expirationTime, factors, seal });
}

/** A store with alice, her grant on prod, and her sign-in. */
export interface Fixture {
  readonly clock: ManualClock;
  readonly store: FilledAccessStore;
  readonly audit: Audit;
  readonly events: AuditEvent[];
  readonly metrics: ProxyMetrics;
  readonly log: Logger;
  readonly lines: string[];
  readonly put: (kind: WatchedKind, ...objects: readonly KubeObject[]) => void;
  readonly remove: (kind: WatchedKind, ...objects: readonly KubeObject[]) => void;
}

export function createFixture(options: Partial<AccessStoreOptions> = {}): Fixture {
  const clock = new ManualClock(NOW);
  const lines: string[] = [];
  const log = createLogger({ program: "proxy", destination: { write: (line: string) => lines.push(line) } });
  const store = createAccessStore({
    namespace: NAMESPACE,
    sealKey: loginSessionSealKey(SESSION_KEY),
    userAuthorities: () => AUTHORITIES,
    maxCertificateTtlSeconds: 86_400,
    maxStalenessSeconds: 60,
    onStale: "DenyNew",
    clock,
    log,
    ...options,
  });
  const events: AuditEvent[] = [];
  function put(kind: WatchedKind, ...objects: readonly KubeObject[]): void {
    store.apply(
      kind,
      objects.map((added) => ({ type: "added", object: added })),
    );
  }
  put("proxyusers", object("proxyusers", "alice", {}));
  put("trustedhostcas", trustObject());
  put("useraccesses", grantObject());
  put("loginsessions", sessionObject());
  for (const kind of WATCHED_KINDS) {
    store.markSynced(kind);
    store.proved(kind, NOW);
  }
  return {
    ...{ clock, store, events, log, lines, put },
    audit: { record: (event) => events.push(event) },
    metrics: createProxyMetrics(createMetrics("proxy")),
    remove: (kind, ...objects) => {
      store.apply(
        kind,
        objects.map((removed) => ({ type: "deleted", object: removed })),
      );
    },
  };
}

/** What differs from alice's certificate. */
export interface CertificateParts {
  readonly ca?: KeyObject;
  readonly type?: "user" | "host";
  readonly keyId?: string;
  readonly principals?: readonly string[];
  readonly to?: number;
  readonly criticalOptions?: Readonly<Record<string, string>>;
  readonly extensions?: readonly string[];
  readonly publicKey?: SshPublicKey;
  readonly session?: string;
}

function extensionsOf({ extensions = [], session = "s-alice" }: CertificateParts): Record<string, string> {
  return { ...Object.fromEntries(extensions.map((name) => [name, ""])), [SESSION_EXTENSION]: session };
}

export function certificateOf(parts: CertificateParts = {}): Certificate {
  return issueCertificate(parts.ca ?? USER_CA, {
    type: parts.type ?? "user",
    publicKey: parts.publicKey ?? SUBJECT,
    keyId: parts.keyId ?? "alice",
    principals: parts.principals ?? ["deploy@prod"],
    validAfter: new Date(NOW - 60_000),
    validBefore: new Date(parts.to ?? NOW + 8 * HOUR),
    criticalOptions: parts.criticalOptions ?? {},
    extensions: parts.type === "host" ? {} : extensionsOf(parts),
  });
}
