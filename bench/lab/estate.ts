/**
 * The keys, certificates and Kubernetes objects of the benchmarks' world: one
 * person, one grant, one target in cluster prod, and as many more clusters as a
 * benchmark needs agents for.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { loginSessionSealKey, sealLoginSession } from "@teleport-access/proxy";
import {
  formatCertificateLine,
  formatOpenSshPrivateKey,
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";
import { makeAuthority, makeLeaf } from "../../operator/src/tls/certificate.ts";
import { FOLDER, LOGIN } from "./sandbox.ts";

export const NAMESPACE = "acme";
export const CLUSTER = "prod";
export const TARGET = `web-1.${CLUSTER}`;
const API_VERSION = "teleport-access.io/v1alpha1";
const HOUR_MS = 3_600_000;

/** A key with what certifies it. */
export interface Identity {
  readonly privateKey: KeyObject;
  readonly certificate: Certificate;
}

/** A key that may have a certificate. */
export type MaybeCertified = Pick<Identity, "privateKey"> & Partial<Identity>;

export interface Estate {
  readonly userCa: KeyObject;
  readonly hostCa: KeyObject;
  /** Of our proxy, and of the peer's jump host: people's known_hosts has one line for both. */
  readonly proxyHost: KeyObject;
  readonly user: Identity;
  /** Somebody else with the same rights. */
  readonly other: Identity;
  readonly target: Identity;
  readonly sessionKey: Buffer;
  /** Of the API server and of the proxy's web port. */
  readonly tls: { readonly authority: string; readonly cert: string; readonly key: string };
  readonly apiToken: string;
}

export function publicLine(key: KeyObject): string {
  return formatPublicKeyLine(publicKeyOf(key));
}

function certified(
  ca: KeyObject,
  type: "user" | "host",
  keyId: string,
  principals: readonly string[],
): Identity {
  const privateKey = generatePrivateKey("Ed25519");
  const extensions =
    type === "host"
      ? {}
      : {
          "permit-agent-forwarding": "",
          "permit-port-forwarding": "",
          "permit-pty": "",
          "session@teleport-access.io": sessionOf(keyId),
        };
  const certificate = issueCertificate(ca, {
    type,
    publicKey: publicKeyOf(privateKey),
    keyId,
    principals,
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + 4 * HOUR_MS),
    extensions,
  });
  return { privateKey, certificate };
}

const USER = "alice";
const OTHER = "mallory";

function sessionOf(user: string): string {
  return `s-${user}`;
}

export function makeEstate(): Estate {
  const userCa = generatePrivateKey("Ed25519");
  const hostCa = generatePrivateKey("Ed25519");
  return {
    userCa,
    hostCa,
    proxyHost: generatePrivateKey("Ed25519"),
    user: certified(userCa, "user", USER, [`${LOGIN}@${CLUSTER}`]),
    other: certified(userCa, "user", OTHER, [`${LOGIN}@${CLUSTER}`]),
    target: certified(hostCa, "host", TARGET, [TARGET]),
    sessionKey: randomBytes(32),
    tls: makeTls(),
    apiToken: randomBytes(16).toString("hex"),
  };
}

/** What an agent of a cluster presents. */
export function agentIdentity(estate: Pick<Estate, "hostCa">, cluster: string): Identity {
  return certified(estate.hostCa, "host", `${cluster}-agent`, [cluster]);
}

function makeTls(): Estate["tls"] {
  const window = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 24 * HOUR_MS) };
  const authorityKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const issuer = { commonName: "bench", key: authorityKey };
  const authority = makeAuthority(issuer, window);
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const leaf = makeLeaf(issuer, { names: ["127.0.0.1", "localhost"], publicKey, window });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { authority, cert: leaf + authority, key };
}

interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec?: object;
  readonly data?: object;
}

function object(kind: string, name: string, spec: object): StoredObject {
  return { apiVersion: API_VERSION, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

/** Everything that the proxy watches. `clusters`: beside prod. */
export function estateObjects(estate: Estate, clusters: readonly string[]): StoredObject[] {
  return [
    ...[CLUSTER, ...clusters].map((name) =>
      object("TrustedHostCA", name, {
        publicKeys: [publicLine(estate.hostCa)],
        principals: "Scoped",
        // The most that the schema allows.
        maxTunnels: 256,
      }),
    ),
    ...[USER, OTHER].flatMap((user) => personObjects(estate, user)),
  ];
}

/** Somebody who has signed in. */
function personObjects(estate: Estate, user: string): StoredObject[] {
  const userRef = { name: user };
  const expirationTime = new Date(Date.now() + 8 * HOUR_MS).toISOString();
  const factors = ["Password", "TOTP"];
  const fields = { namespace: NAMESPACE, name: sessionOf(user), user, expirationTime, factors };
  const seal = sealLoginSession(loginSessionSealKey(estate.sessionKey), fields);
  const permissions = ["Shell", "Exec", "FileTransfer", "AgentForwarding", "PortForwarding"];
  return [
    object("ProxyUser", user, {}),
    object("UserAccess", `${user}-prod`, { userRef, clusters: [CLUSTER], logins: [LOGIN], permissions }),
    object("LoginSession", sessionOf(user), { userRef, expirationTime, factors, seal }),
  ];
}

/** Everybody may read these: sshd reads them as the account that logs in. */
const PUBLIC = 0o644;

/** Writes a file below the run's folder, with the folders that lead to it; returns its path. */
export function writeBelow(path: string, content: string, mode: number = PUBLIC): string {
  const file = `${FOLDER}/${path}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
  return file;
}

/** Writes a key, its public half and its certificate as OpenSSH reads them; returns the key's path. */
export function writeIdentity(path: string, { privateKey, certificate }: MaybeCertified): string {
  writeBelow(`${path}.pub`, `${publicLine(privateKey)}\n`);
  if (certificate !== undefined)
    writeBelow(`${path}-cert.pub`, `${formatCertificateLine(certificate, "bench")}\n`);
  return writeBelow(path, formatOpenSshPrivateKey(privateKey, "bench"), 0o600);
}
