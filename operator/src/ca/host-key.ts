/**
 * SSH host keys that the operator makes: for a proxy, for the agents of a
 * cluster, for a server with a HostCertificate. A key that exists is always kept.
 */
import {
  fingerprint,
  formatOpenSshPrivateKey,
  formatPublicKeyLine,
  generatePrivateKey,
  parsePrivateKey,
  publicKeyOf,
  type SshPublicKey,
} from "@teleport-access/sshcert";
import {
  childMetadata,
  secretData,
  secretText,
  type Component,
  type Manifest,
  type Owner,
  type Secret,
} from "../objects.ts";

export const HOST_KEY = "ssh_host_ed25519_key";
export const HOST_KEY_PUB = "ssh_host_ed25519_key.pub";
export const HOST_KEY_CERT = "ssh_host_ed25519_key-cert.pub";

export interface HostKeyOrder {
  readonly make: "ssh-host-key";
  readonly owner: Owner;
  readonly component: Component;
  readonly secretName: string;
  readonly comment: string;
  /** A key was published before and is lost: whoever pinned it has to pin the new one. */
  readonly replaces: boolean;
}

export interface HostKey {
  /** One OpenSSH line without a comment. */
  readonly line: string;
  readonly fingerprint: string;
  readonly publicKey: SshPublicKey;
}

/** The public half of the host key in `secret`, or undefined when there is none that can be read. */
export function readHostKey(secret: Secret | undefined): HostKey | undefined {
  const text = secretText(secret, HOST_KEY);
  if (text === undefined) return undefined;
  try {
    const publicKey = publicKeyOf(parsePrivateKey(text));
    return { line: formatPublicKeyLine(publicKey), fingerprint: fingerprint(publicKey), publicKey };
  } catch {
    return undefined;
  }
}

/** A new host key as a Secret. To be created, never applied. */
export function makeHostKey(order: HostKeyOrder): Manifest {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: childMetadata(order.owner, order.secretName, order.component),
    type: "Opaque",
    data: secretData(newHostKeyFiles(order.comment)),
  };
}

/** The files of a new Ed25519 host key, as ssh-keygen would write them. */
export function newHostKeyFiles(comment: string): Record<string, string> {
  const key = generatePrivateKey("Ed25519");
  return {
    [HOST_KEY]: formatOpenSshPrivateKey(key, comment),
    [HOST_KEY_PUB]: `${formatPublicKeyLine(publicKeyOf(key), comment)}\n`,
  };
}
