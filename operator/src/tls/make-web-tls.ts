/**
 * Makes the Secrets of a self-made web TLS: `<proxy>-tls`, which the proxy pods
 * mount, and `<proxy>-tls-ca`, the authority's key, which only the operator reads.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { childMetadata, secretData, secretText, type Manifest, type Owner, type Secret } from "../objects.ts";
import { makeAuthority, makeLeaf, type Issuer } from "./certificate.ts";
import { AUTHORITY_LIFETIME_MS, BACKDATE_MS, LEAF_LIFETIME_MS } from "./web-tls.ts";

/** What to make; planned by the TeleportProxy's plan. */
export interface WebTlsOrder {
  readonly make: "web-tls";
  readonly owner: Owner;
  readonly secretName: string;
  readonly authoritySecretName: string;
  readonly names: readonly string[];
}

export interface WebTlsSecrets {
  /** Present when the authority had to be made, too. */
  readonly authority?: Manifest;
  readonly leaf: Manifest;
}

/** The Secrets to apply for `order`; the authority in `existing` goes on when it outlives the new leaf. */
export function makeWebTls(order: WebTlsOrder, existing: Secret | undefined, now: Date): WebTlsSecrets {
  const kept = readAuthority(existing, now.getTime() + LEAF_LIFETIME_MS);
  const made = kept === undefined ? newAuthority(order, now) : undefined;
  const authority = kept ?? made;
  if (authority === undefined) throw new TypeError("an authority is either kept or made");
  const key = newKey();
  const certificate = makeLeaf(authority.issuer, {
    names: order.names,
    publicKey: key.publicKey,
    window: {
      notBefore: new Date(now.getTime() - BACKDATE_MS),
      notAfter: new Date(now.getTime() + LEAF_LIFETIME_MS),
    },
  });
  const leaf = tlsSecret(order, order.secretName, {
    "tls.crt": certificate + authority.certificate,
    "tls.key": pem(key.privateKey),
    "ca.crt": authority.certificate,
  });
  return made === undefined ? { leaf } : { leaf, authority: made.manifest };
}

interface Authority {
  readonly issuer: Issuer;
  readonly certificate: string;
}

function readAuthority(secret: Secret | undefined, mustOutlive: number): Authority | undefined {
  const certificate = secretText(secret, "tls.crt");
  const key = secretText(secret, "tls.key");
  if (certificate === undefined || key === undefined) return undefined;
  try {
    const parsed = new X509Certificate(certificate);
    const privateKey = createPrivateKey(key);
    if (!parsed.checkPrivateKey(privateKey) || parsed.validToDate.getTime() < mustOutlive) return undefined;
    const commonName = /^CN=(.*)$/m.exec(parsed.subject)?.[1];
    return commonName === undefined ? undefined : { issuer: { commonName, key: privateKey }, certificate };
  } catch {
    return undefined;
  }
}

function newAuthority(order: WebTlsOrder, now: Date): Authority & { readonly manifest: Manifest } {
  const { privateKey } = newKey();
  const { name, namespace } = order.owner;
  const issuer = {
    commonName: `teleport-access ${namespace}/${name} web authority`.slice(0, 64),
    key: privateKey,
  };
  const certificate = makeAuthority(issuer, {
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_LIFETIME_MS),
  });
  const manifest = tlsSecret(order, order.authoritySecretName, {
    "tls.crt": certificate,
    "tls.key": pem(privateKey),
  });
  return { issuer, certificate, manifest };
}

function tlsSecret(order: WebTlsOrder, name: string, texts: Readonly<Record<string, string>>): Manifest {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: childMetadata(order.owner, name, "proxy"),
    type: "kubernetes.io/tls",
    data: secretData(texts),
  };
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function pem(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
