/**
 * A real sshd as the host of a target: its host certificate comes from the
 * estate's host CA, and it lets people in as docs/operations.md tells
 * administrators to set it up, by scoped principals of the user CA.
 */
import type { KeyObject } from "node:crypto";
import {
  formatPublicKeyLine,
  generatePrivateKey,
  issueCertificate,
  publicKeyOf,
} from "@teleport-access/sshcert";
import { startSshd, writeIdentity } from "@teleport-access/testkit";
import type { OpenSsh, Sshd, TestFolder } from "@teleport-access/testkit";

const HOUR = 3_600_000;

export interface TargetSshdOptions {
  readonly keys: { readonly hostCa: KeyObject; readonly userCa: KeyObject };
  /** The names in its host certificate, the first one its own: `host.cluster`. */
  readonly names: readonly string[];
  /** Its host key, when the test wants to know it. */
  readonly hostKey?: KeyObject;
  /** More lines of sshd_config. */
  readonly config?: readonly string[];
}

/** Starts it on loopback. */
export async function startTargetSshd(
  openSsh: OpenSsh,
  folder: TestFolder,
  { keys, names, hostKey: key = generatePrivateKey("Ed25519"), config = [] }: TargetSshdOptions,
): Promise<Sshd> {
  const [name = ""] = names;
  const certificate = issueCertificate(keys.hostCa, {
    type: "host",
    publicKey: publicKeyOf(key),
    keyId: name,
    principals: names,
    validAfter: new Date(Date.now() - 60_000),
    validBefore: new Date(Date.now() + HOUR),
  });
  const host = writeIdentity(folder, `sshd_host.${name}`, key, certificate);
  const userCa = folder.write("user_ca.pub", `${formatPublicKeyLine(publicKeyOf(keys.userCa))}\n`);
  const cluster = name.slice(name.lastIndexOf(".") + 1);
  return await startSshd(openSsh, folder, [
    `HostKey ${host}`,
    `HostCertificate ${host}-cert.pub`,
    `TrustedUserCAKeys ${userCa}`,
    `AuthorizedPrincipalsCommand /usr/bin/printf "%%s\\n" %u@${cluster} %u@${name}`,
    "AuthorizedPrincipalsCommandUser nobody",
    ...config,
  ]);
}
