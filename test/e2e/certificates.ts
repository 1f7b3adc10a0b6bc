/**
 * Certificates that nobody should be let in with, made with the estate's own CA
 * keys: an administrator of the cluster can read those Secrets, a stranger cannot.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectSsh, SshError } from "@teleport-access/ssh";
import {
  formatCertificateLine,
  formatOpenSshPrivateKey,
  issueCertificate,
  parsePrivateKey,
  parsePublicKeyLine,
  publicKeyOf,
  type Certificate,
  type CertificateRequest,
} from "@teleport-access/sshcert";
import { certificateInForce } from "@teleport-access/testkit";
import { addresses, kubectl, machine, nodeAddress } from "./world.ts";

export interface Forged {
  readonly privateKey: KeyObject;
  readonly certificate: Certificate;
}

export async function authorityKey(namespace: string, secret: string): Promise<KeyObject> {
  return parsePrivateKey(await kubectl.secretValue(namespace, secret, "ca.key"));
}

export function newKey(): KeyObject {
  return generateKeyPairSync("ed25519").privateKey;
}

const HOUR_MS = 3_600_000;

/** An hour's window around now, or the hour before the last. */
export function window(kind: "now" | "over"): Pick<CertificateRequest, "validAfter" | "validBefore"> {
  const end = Date.now() + (kind === "now" ? HOUR_MS / 2 : -HOUR_MS);
  return { validAfter: new Date(end - HOUR_MS), validBefore: new Date(end) };
}

/** A certificate for a new key. */
export function forge(
  authority: KeyObject,
  request: Pick<CertificateRequest, "type" | "keyId" | "principals"> & Partial<CertificateRequest>,
): Forged {
  const privateKey = newKey();
  const certificate = issueCertificate(authority, {
    ...window("now"),
    publicKey: publicKeyOf(privateKey),
    ...request,
  });
  return { privateKey, certificate };
}

/** The extensions of the certificate that alice really has, her sign-in's name among them. */
export function aliceExtensions(): Record<string, string> {
  const certificate = certificateInForce(machine.files);
  if (certificate === undefined) throw new Error("alice has no certificate");
  return Object.fromEntries(
    [...certificate.extensions].map(([name, data]) => [name, data.subarray(4).toString("utf8")]),
  );
}

/** Presents a certificate to a port of the proxy with our own client, and expects to be refused. */
export async function dialRefused(port: number, user: string, identity: Forged): Promise<void> {
  const line = await kubectl.field("acme", "teleportproxy/proxy", "{.status.hostKeys[0]}");
  const hostKeyPins = [parsePublicKeyLine(line)];
  const dial = connectSsh({ host: nodeAddress, port, user, hostKeyPins, identity, timeoutMs: 10_000 });
  await assert.rejects(dial, (error) => error instanceof SshError && error.code === "SSH_AUTH_REFUSED");
}

/** An ssh_config that presents this key, with its certificate if there is one, at both hops. */
export function configFor({
  privateKey,
  certificate,
}: {
  privateKey: KeyObject;
  certificate?: Certificate;
}): string {
  const folder = mkdtempSync(join(tmpdir(), "teleport-access-forged-"));
  const key = join(folder, "key");
  writeFileSync(key, formatOpenSshPrivateKey(privateKey, "forged"), { mode: 0o600 });
  const identity = [`  IdentityFile ${key}`, "  IdentitiesOnly yes", "  BatchMode yes"];
  if (certificate !== undefined) {
    writeFileSync(`${key}-cert.pub`, `${formatCertificateLine(certificate)}\n`);
    identity.push(`  CertificateFile ${key}-cert.pub`);
  }
  const config = join(folder, "config");
  const known = `  UserKnownHostsFile ${machine.files.knownHosts}`;
  const hops = [
    ["Host proxy-hop", `  HostName ${addresses.sshHost}`, `  Port ${addresses.sshPort}`, known, ...identity],
    ["Host *.prod *.nowhere", "  ProxyJump proxy-hop", known, ...identity],
  ];
  writeFileSync(config, `${hops.flat().join("\n")}\n`);
  return config;
}
