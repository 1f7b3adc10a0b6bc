/**
 * A small world for the tests of this package: alice, cluster prod, one grant. Each part can be
 * replaced. Not exported by the door.
 */
import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { issueCertificate, publicKeyOf } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import { SESSION_EXTENSION } from "./certificate-facts.ts";
import { DEFAULT_PERMISSIONS } from "./grant.ts";
import type { Grant } from "./grant.ts";
import type { ClusterTrust, LoginSessionView, User, World } from "./world.ts";

/** 2026-01-31T08:00:00Z, a Saturday morning. */
export const NOW: number = Date.UTC(2026, 0, 31, 8);
export const HOUR = 3_600_000;

/** The user CA of the world. */
export const USER_CA: KeyObject = generateKeyPairSync("ed25519").privateKey;
/** A host CA; also stands in for any CA that is not the user CA. */
export const HOST_CA: KeyObject = generateKeyPairSync("ed25519").privateKey;
const SUBJECT = generateKeyPairSync("ed25519").publicKey;

export const ALICE: User = { uid: "u-alice", name: "alice", suspend: false };
export const SIGN_IN: LoginSessionView = {
  name: "s-alice",
  uid: "u-s-alice",
  user: "alice",
  userUid: "u-alice",
  expirationTime: NOW + 8 * HOUR,
  sealed: true,
};

/** A grant for deploy on everything in prod. */
export function makeGrant(over: Partial<Grant> = {}): Grant {
  return {
    uid: "u-grant",
    name: "alice-prod",
    resourceVersion: "7",
    user: "alice",
    clusters: ["prod"],
    logins: ["deploy"],
    targets: [{ host: "*", ports: "*" }],
    permissions: DEFAULT_PERMISSIONS,
    secondFactor: "PerSignIn",
    sourceRanges: [],
    suspend: false,
    ...over,
  };
}

/** Cluster prod, trusted. */
export function makeTrust(over: Partial<ClusterTrust> = {}): ClusterTrust {
  return {
    name: "prod",
    uid: "u-prod",
    resourceVersion: "3",
    authorities: [publicKeyOf(HOST_CA)],
    fingerprints: [],
    principals: "Scoped",
    sourceRanges: [],
    suspend: false,
    labels: { tier: "production" },
    maxTunnels: 16,
    ...over,
  };
}

/** What differs from the small world. */
export interface WorldParts {
  readonly now?: number;
  readonly users?: readonly User[];
  readonly sessions?: readonly LoginSessionView[];
  readonly clusters?: readonly ClusterTrust[];
  readonly grants?: readonly Grant[];
  readonly authorities?: World["userAuthorities"];
  readonly freshness?: Partial<World["freshness"]>;
  readonly maxCertificateTtlSeconds?: number;
}

/** The world with some parts replaced. */
export function makeWorld(parts: WorldParts = {}): World {
  const { users = [ALICE], sessions = [SIGN_IN], clusters = [makeTrust()], grants = [makeGrant()] } = parts;
  return {
    now: parts.now ?? NOW,
    userAuthorities: parts.authorities ?? [publicKeyOf(USER_CA)],
    maxCertificateTtlSeconds: parts.maxCertificateTtlSeconds ?? 24 * 3600,
    freshness: { stale: false, lastProof: NOW, policy: "DenyNew", ...parts.freshness },
    user: (name) => users.find((user) => user.name === name),
    grantsOf: (user) => grants.filter((grant) => grant.user === user),
    cluster: (name) => clusters.find((cluster) => cluster.name === name),
    clusters: () => clusters,
    loginSession: (name) => sessions.find((session) => session.name === name),
  };
}

/** What differs from alice's certificate. */
export interface CertificateParts {
  readonly ca?: KeyObject;
  readonly type?: "user" | "host";
  readonly keyId?: string;
  readonly principals?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly session?: string | undefined;
  readonly extensions?: Readonly<Record<string, string>>;
  readonly criticalOptions?: Readonly<Record<string, string>>;
}

const ALICES: Required<Omit<CertificateParts, "session">> = {
  ca: USER_CA,
  type: "user",
  keyId: "alice",
  principals: ["deploy@prod"],
  from: NOW - 60_000,
  to: NOW + 8 * HOUR,
  extensions: { "permit-pty": "" },
  criticalOptions: {},
};

/** Alice's certificate for deploy@prod with a pty, good for eight hours; some parts replaced. */
export function makeCertificate(parts: CertificateParts = {}): Certificate {
  const { ca, from, to, extensions, ...rest } = { ...ALICES, ...parts };
  const session = "session" in parts ? parts.session : SIGN_IN.name;
  return issueCertificate(ca, {
    ...rest,
    publicKey: publicKeyOf(SUBJECT),
    validAfter: new Date(from),
    validBefore: new Date(to),
    extensions: { ...extensions, ...(session === undefined ? {} : { [SESSION_EXTENSION]: session }) },
  });
}
