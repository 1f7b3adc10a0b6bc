/**
 * Carries out an order for a host certificate: a key that exists is certified
 * again, a missing one is made. Pure but for randomness; make.ts reads and writes.
 */
import { parsePublicKeyLine } from "@teleport-access/sshcert";
import { OperatorError } from "../errors.ts";
import {
  childMetadata,
  secretData,
  secretText,
  type Component,
  type Manifest,
  type Owner,
  type Secret,
} from "../objects.ts";
import { HOST_KEY, HOST_KEY_CERT, HOST_KEY_PUB, newHostKeyFiles, readHostKey } from "./host-key.ts";
import { signHostCertificate, type SigningAuthority } from "./sign-host.ts";

export interface HostCertificateOrder {
  readonly make: "host-certificate";
  readonly owner: Owner;
  readonly component: Component;
  /** Secret for key, certificate and `files`; without it the certificate goes into status. */
  readonly secretName?: string;
  /** The server's own public key, when there is no Secret. */
  readonly publicKey?: string;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly ttlSeconds: number;
  readonly authority: {
    readonly secretName: string;
    readonly secretKey: string;
    readonly fingerprint: string;
  };
  /** Further files of the Secret. */
  readonly files: Readonly<Record<string, string>>;
}

/** The certificate line for the public key that the order gives. */
export function issueForPublicKey(
  order: HostCertificateOrder,
  authority: SigningAuthority,
  now: Date,
): string {
  return signHostCertificate(
    authority,
    { ...order, publicKey: parsePublicKeyLine(order.publicKey ?? "") },
    now,
  );
}

/**
 * The Secret with key and certificate. `existing` is what stands under its name
 * now; its key is kept, and its resourceVersion goes into the result, so that a
 * replace fails when somebody changed it meanwhile.
 */
export function issueIntoSecret(
  order: HostCertificateOrder,
  existing: Secret | undefined,
  authority: SigningAuthority,
  now: Date,
): Manifest {
  const name = order.secretName ?? "";
  const keyFiles = keepKeyFiles(existing) ?? newHostKeyFiles(order.keyId);
  const hostKey = readHostKey({ metadata: { name }, data: secretData(keyFiles) });
  if (hostKey === undefined) {
    throw new OperatorError(
      "HOST_KEY_UNREADABLE",
      `${HOST_KEY} in Secret ${name} cannot be read; it is left as it is`,
    );
  }
  const certificate = signHostCertificate(authority, { ...order, publicKey: hostKey.publicKey }, now);
  const metadata = childMetadata(order.owner, name, order.component);
  const resourceVersion = existing?.metadata.resourceVersion;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: resourceVersion === undefined ? metadata : { ...metadata, resourceVersion },
    type: "Opaque",
    data: secretData({ ...keyFiles, ...order.files, [HOST_KEY_CERT]: `${certificate}\n` }),
  };
}

function keepKeyFiles(existing: Secret | undefined): Record<string, string> | undefined {
  const key = secretText(existing, HOST_KEY);
  if (key === undefined) return undefined;
  const hostKey = readHostKey(existing);
  return {
    [HOST_KEY]: key,
    [HOST_KEY_PUB]: secretText(existing, HOST_KEY_PUB) ?? `${hostKey?.line ?? ""}\n`,
  };
}
