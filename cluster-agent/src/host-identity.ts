/**
 * Who the agent is to a proxy: its cluster's host certificate and the key of it.
 *
 * Both are files of one mounted Secret and change together when the operator
 * renews the certificate. A new pair is used from the next dial on.
 */
import { readFileSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";

import { parseCertificateLine, parsePrivateKey, publicKeyOf, validityAt } from "@teleport-access/sshcert";
import type { Certificate } from "@teleport-access/sshcert";

import { AgentError } from "./errors.ts";

export interface HostIdentity {
  readonly privateKey: KeyObject;
  readonly certificate: Certificate;
}

/** Reads both files and checks that a proxy would accept them. @throws AgentError AGENT_HOST_IDENTITY */
export function readHostIdentity(folder: string, cluster: string, now: Date): HostIdentity {
  try {
    const privateKey = parsePrivateKey(readFileSync(join(folder, "ssh_host_ed25519_key"), "utf8"));
    const certificate = parseCertificateLine(
      readFileSync(join(folder, "ssh_host_ed25519_key-cert.pub"), "utf8"),
    );
    const problem = problemOf({ privateKey, certificate }, cluster, now);
    if (problem !== undefined) throw new AgentError("AGENT_HOST_IDENTITY", problem);
    return { privateKey, certificate };
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError(
      "AGENT_HOST_IDENTITY",
      `the host key and certificate in ${folder} cannot be read`,
      error,
    );
  }
}

/** What is wrong with it, as a sentence; a proxy would refuse it without saying why. */
function problemOf(
  { privateKey, certificate }: HostIdentity,
  cluster: string,
  now: Date,
): string | undefined {
  if (certificate.type !== "host") return "the certificate is not a host certificate";
  if (!certificate.publicKey.blob.equals(publicKeyOf(privateKey).blob))
    return "the certificate is for another key";
  if (!certificate.principals.includes(cluster))
    return `the certificate does not name the cluster ${cluster}`;
  const state = validityAt(certificate, now);
  return state === "valid" ? undefined : `the certificate is ${state}`;
}

/** Whether two certificates are the same one. */
export function sameCertificate(a: Certificate, b: Certificate): boolean {
  return a.blob.equals(b.blob);
}
