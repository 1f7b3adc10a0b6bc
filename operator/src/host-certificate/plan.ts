/**
 * What a HostCertificate should be: a certificate in status for a given public
 * key, or key, certificate and sshd_config in a Secret. Pure.
 */
import type { HostCertificate, TeleportCluster } from "@teleport-access/crd";
import { parseDuration } from "@teleport-access/daemon";
import { isSecurityKeyType, parsePublicKeyLine, type SshPublicKey } from "@teleport-access/sshcert";
import { kubeTime } from "@teleport-access/kube";
import { decideAuthority, rememberAuthority, type AuthorityState } from "../ca/authority.ts";
import {
  decideHostCertificate,
  MIN_TTL_SECONDS,
  type HostCertificateFacts,
  type HostCertificateState,
} from "../ca/host-certificate.ts";
import { HOST_KEY, HOST_KEY_CERT, readHostKey } from "../ca/host-key.ts";
import { isMadeFor, ownerOf, secretText, type Secret } from "../objects.ts";
import { wake, type Order, type Plan, type PlannedCondition } from "../plan.ts";
import { hostCaSecretKey, hostCaSecretName } from "../teleport-cluster/names.ts";
import { sshdConfig } from "../teleport-cluster/sshd.ts";

export interface HostCertificateInput {
  readonly certificate: HostCertificate;
  readonly now: Date;
  readonly cluster: TeleportCluster | undefined;
  readonly hostCaSecret: Secret | undefined;
  /** The Secret called `spec.secretName`. */
  readonly secret: Secret | undefined;
  /** A certificate made in this pass for `spec.publicKey`. */
  readonly made: string | undefined;
}

interface Problem {
  readonly reason: PlannedCondition["reason"];
  readonly message: string;
}

/** Everything that is needed to compare and to sign. */
interface Wanted {
  readonly cluster: TeleportCluster;
  readonly authorityFingerprint: string;
  readonly publicKey: SshPublicKey | undefined;
  readonly principals: readonly string[];
  readonly ttlSeconds: number;
}

export function planHostCertificate(input: HostCertificateInput): Plan {
  const { secretName } = input.certificate.spec;
  const wanted = planWanted(input);
  return {
    objects: [],
    keep: secretName === undefined ? [] : [`Secret/${secretName}`],
    ...("reason" in wanted ? planProblem(input, wanted) : planCertificate(input, wanted)),
  };
}

type CertificatePlan = Omit<Plan, "objects" | "keep">;

/** What was issued before stays while nothing can be signed. */
function planProblem(input: HostCertificateInput, problem: Problem): CertificatePlan {
  const facts = keepFacts(currentLine(input), input.now);
  return {
    orders: [],
    complete: false,
    status: statusOf(facts),
    conditions: [ready(input, problem, facts)],
    ...wake(facts?.notAfter),
  };
}

function planCertificate(input: HostCertificateInput, wanted: Wanted): CertificatePlan {
  const found = decideHostCertificate(currentLine(input), wanted, input.now);
  return {
    orders: planOrders(input, wanted, found),
    complete: true,
    status: statusOf(found.facts),
    conditions: [ready(input, undefined, found.facts)],
    ...wake(found.facts?.renewAt),
  };
}

function currentLine(input: HostCertificateInput): string | undefined {
  const { spec, status } = input.certificate;
  if (spec.secretName !== undefined) return secretText(input.secret, HOST_KEY_CERT)?.trim();
  return input.made ?? status?.certificate;
}

function planWanted(input: HostCertificateInput): Wanted | Problem {
  const { spec } = input.certificate;
  const { cluster } = input;
  if (cluster === undefined) {
    const message = `TeleportCluster ${spec.clusterRef.name} (spec.clusterRef) does not exist in this namespace`;
    return { reason: "ClusterNotFound", message };
  }
  const authority = inspectAuthority(cluster, input.hostCaSecret);
  if (authority.state !== "ready") {
    const message = `the host CA of TeleportCluster ${cluster.metadata.name} cannot sign; its condition HostCAReady says why`;
    return { reason: "HostCAUnavailable", message };
  }
  const ttlSeconds = parseDuration(spec.ttl, "spec.ttl");
  if (ttlSeconds < MIN_TTL_SECONDS) {
    return { reason: "InvalidSpec", message: `spec.ttl is ${spec.ttl}; give at least ${MIN_TTL_SECONDS}s` };
  }
  const key = readKey(input);
  if ("reason" in key) return key;
  return {
    cluster,
    authorityFingerprint: authority.fingerprint,
    publicKey: key.publicKey,
    principals: spec.hostnames.map((host) => `${host}.${cluster.spec.clusterName}`),
    ttlSeconds,
  };
}

/** The cluster's own decision, drawn again: with a key in doubt nothing is signed. */
function inspectAuthority(cluster: TeleportCluster, secret: Secret | undefined): AuthorityState {
  const provided = cluster.spec.hostCA.existingSecretRef !== undefined;
  return decideAuthority({
    field: "spec.hostCA",
    secretName: hostCaSecretName(cluster),
    secretKey: hostCaSecretKey(cluster),
    provided,
    secret,
    foreign: secret !== undefined && !provided && !isMadeFor(secret, ownerOf("TeleportCluster", cluster)),
    memory: rememberAuthority(cluster.status?.hostCA, undefined),
    request: undefined,
  });
}

function readGivenKey(line: string): { readonly publicKey: SshPublicKey } | Problem {
  try {
    const publicKey = parsePublicKeyLine(line);
    if (!isSecurityKeyType(publicKey.type)) return { publicKey };
    const message =
      "spec.publicKey is a security key's, which signs only when touched; give the server's own host key";
    return { reason: "InvalidKey", message };
  } catch {
    const message =
      "spec.publicKey is not an OpenSSH public key that is accepted; copy the whole line of the .pub file";
    return { reason: "InvalidKey", message };
  }
}

function readKey({
  certificate,
  secret,
}: HostCertificateInput): { readonly publicKey: SshPublicKey | undefined } | Problem {
  const { publicKey, secretName } = certificate.spec;
  if (publicKey !== undefined) return readGivenKey(publicKey);
  if (secret === undefined) return { publicKey: undefined };
  if (!isMadeFor(secret, ownerOf("HostCertificate", certificate))) {
    const message = `Secret ${secretName ?? ""} (spec.secretName) exists and was not made for this object; name another`;
    return { reason: "NameConflict", message };
  }
  const hostKey = readHostKey(secret);
  if (hostKey === undefined && secretText(secret, HOST_KEY) !== undefined) {
    const message = `${HOST_KEY} in Secret ${secretName ?? ""} cannot be read; restore it or delete the Secret`;
    return { reason: "InvalidKey", message };
  }
  return { publicKey: hostKey?.publicKey };
}

function planOrders(input: HostCertificateInput, wanted: Wanted, found: HostCertificateState): Order[] {
  const { certificate, secret } = input;
  const { spec } = certificate;
  const files =
    spec.secretName === undefined
      ? {}
      : { sshd_config: sshdConfig(wanted.cluster.spec.clusterName, spec.hostnames) };
  const stale = Object.entries(files).some(([name, text]) => secretText(secret, name) !== text);
  if (found.state === "good" && !stale) return [];
  return [
    {
      make: "host-certificate",
      owner: ownerOf("HostCertificate", certificate),
      component: "cluster-agent",
      ...(spec.secretName === undefined ? {} : { secretName: spec.secretName }),
      ...(spec.publicKey === undefined ? {} : { publicKey: spec.publicKey }),
      keyId: `${certificate.metadata.name} of ${wanted.cluster.spec.clusterName}`,
      principals: wanted.principals,
      ttlSeconds: wanted.ttlSeconds,
      authority: {
        secretName: hostCaSecretName(wanted.cluster),
        secretKey: hostCaSecretKey(wanted.cluster),
        fingerprint: wanted.authorityFingerprint,
      },
      files,
    },
  ];
}

/** The facts of a certificate that is compared with nothing. */
function keepFacts(line: string | undefined, now: Date): HostCertificateFacts | undefined {
  const nothing = { publicKey: undefined, principals: [], authorityFingerprint: "", ttlSeconds: 0 };
  return decideHostCertificate(line, nothing, now).facts;
}

function statusOf(facts: HostCertificateFacts | undefined): Record<string, unknown> {
  if (facts === undefined) return {};
  return {
    certificate: facts.line,
    serial: facts.serial,
    fingerprint: facts.fingerprint,
    caFingerprint: facts.caFingerprint,
    notBefore: kubeTime(facts.notBefore),
    notAfter: kubeTime(facts.notAfter),
  };
}

function ready(
  { certificate, now }: HostCertificateInput,
  problem: Problem | undefined,
  facts: HostCertificateFacts | undefined,
): PlannedCondition {
  const type = "Ready";
  if (facts !== undefined && facts.notAfter <= now) {
    const why = problem === undefined ? "" : `: ${problem.message}`;
    const message = `expired at ${kubeTime(facts.notAfter)} and could not be renewed${why}`;
    return { type, status: "False", reason: "CertificateExpired", message };
  }
  if (problem !== undefined) return { type, status: "False", ...problem };
  if (facts === undefined)
    return { type, status: "Unknown", reason: "InProgress", message: "the certificate is being issued" };
  const { secretName } = certificate.spec;
  const where = secretName === undefined ? "status.certificate" : `Secret ${secretName}`;
  return {
    type,
    status: "True",
    reason: "Issued",
    message: `${where} is good until ${kubeTime(facts.notAfter)}`,
  };
}
