/**
 * Objects of our kinds for tests: each builder makes a good one, with the API
 * server's defaults, from which a test changes the fields that it is about.
 *
 *   userAccess({ name: "alice-prod", spec: { logins: ["root"] } })
 */
import type {
  HostCertificate,
  Kind,
  KeyHelperToken,
  LoginSession,
  ObjectMeta,
  ProxyUser,
  TeleportCluster,
  TeleportProxy,
  TrustedHostCA,
  UserAccess,
} from "@teleport-access/crd";
import { API_VERSION } from "@teleport-access/crd";
import { withDefaults } from "./crd-schema.ts";
import type { JsonObject } from "./fake-apply.ts";

/** What a test says about an object; `spec` is merged field by field into the builder's. */
export interface ObjectOverrides<T extends { readonly spec: object; readonly status?: unknown }> {
  readonly name?: string;
  /** @default "acme" */
  readonly namespace?: string;
  readonly metadata?: Partial<ObjectMeta>;
  readonly spec?: Partial<T["spec"]>;
  readonly status?: T["status"];
}

// ssh-keygen -t ed25519 -N '' -C host-ca-of-prod; the private halves were thrown away.
/** A host CA's public key. */
export const HOST_CA_PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILmXmeJY+3vyNyooQ/H0zC9GUg9naKsbsC9FKDuQUYHe host-ca-of-prod";
/** A user CA's public key. */
export const USER_CA_PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOSgVAAPuvI9WjwrYwXQQpYXiFMyZJgiDAaCLLKlySFW user-ca-of-acme";
/** A proxy's SSH host key. */
export const PROXY_HOST_PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG0RKpwX930kHyncubhv3sH8f8JzYeqNWHnoUPyK1C8+ proxy-host";

const FAR_FUTURE = "2099-01-01T00:00:00Z";

let made = 0;

function build<T extends { readonly spec: object; readonly status?: unknown }>(
  kind: Kind,
  name: string,
  spec: Partial<T["spec"]>,
  overrides: ObjectOverrides<T>,
): T {
  const number = ++made;
  const object = {
    apiVersion: API_VERSION,
    kind,
    metadata: {
      name: overrides.name ?? name,
      namespace: overrides.namespace ?? "acme",
      uid: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
      resourceVersion: String(number),
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...overrides.metadata,
    },
    spec: { ...spec, ...overrides.spec },
    ...(overrides.status === undefined ? {} : { status: overrides.status }),
  };
  // exactOptionalPropertyTypes lets no undefined in, and JSON has none.
  const json = JSON.parse(JSON.stringify(object)) as JsonObject;
  return withDefaults(kind, json) as unknown as T;
}

/** A proxy at proxy.example.com. */
export function teleportProxy(overrides: ObjectOverrides<TeleportProxy> = {}): TeleportProxy {
  const publicAddresses = {
    web: "https://proxy.example.com",
    ssh: "proxy.example.com:3023",
    tunnel: "proxy.example.com:3024",
  };
  return build("TeleportProxy", "main", { publicAddresses }, overrides);
}

/** Cluster prod of namespace prod, with one proxy and one target. */
export function teleportCluster(overrides: ObjectOverrides<TeleportCluster> = {}): TeleportCluster {
  const spec = {
    clusterName: "prod",
    proxies: [
      {
        name: "acme",
        address: "proxy.example.com:3024",
        hostKeys: [PROXY_HOST_PUBLIC_KEY],
        userCAKeys: [USER_CA_PUBLIC_KEY],
        suspend: false,
      },
    ],
    agent: {
      replicas: 2,
      targets: [{ host: "web-1" }],
      networkPolicy: { mode: "Managed" as const },
      pod: {},
    },
  };
  return build("TeleportCluster", "prod", spec, { namespace: "prod", ...overrides });
}

/** Trust in cluster prod. */
export function trustedHostCa(overrides: ObjectOverrides<TrustedHostCA> = {}): TrustedHostCA {
  const source = overrides.spec?.publicKeysFrom ?? overrides.spec?.clusterRef;
  const spec = source === undefined ? { publicKeys: [HOST_CA_PUBLIC_KEY] } : {};
  return build("TrustedHostCA", "prod", spec, overrides);
}

/** Alice. */
export function proxyUser(overrides: ObjectOverrides<ProxyUser> = {}): ProxyUser {
  return build("ProxyUser", "alice", {}, overrides);
}

/** Alice may be deploy everywhere in prod. */
export function userAccess(overrides: ObjectOverrides<UserAccess> = {}): UserAccess {
  const clusters = overrides.spec?.clusterSelector === undefined ? { clusters: ["prod"] } : {};
  const spec = { userRef: { name: "alice" }, ...clusters, logins: ["deploy"] };
  return build("UserAccess", "alice-prod", spec, overrides);
}

/** A machine of Alice's; the hash is that of the token `tah_test`. */
export function keyHelperToken(overrides: ObjectOverrides<KeyHelperToken> = {}): KeyHelperToken {
  const spec = {
    userRef: { name: "alice" },
    // printf tah_test | sha256sum
    tokenHash: "sha256:8fadeab3dc2d1fbd8439b03d3d250ae001b01b64729b39f1ea0a58dde624b012",
    expirationTime: FAR_FUTURE,
  };
  return build("KeyHelperToken", "kht-aaaaaaaaaa", spec, overrides);
}

/** A sign-in of Alice's. Its seal is of the right shape and good for no key. */
export function loginSession(overrides: ObjectOverrides<LoginSession> = {}): LoginSession {
  const spec = {
    userRef: { name: "alice" },
    expirationTime: FAR_FUTURE,
    factors: ["Password" as const, "TOTP" as const],
    seal: "A".repeat(43),
  };
  return build("LoginSession", `s-${"a".repeat(26)}`, spec, overrides);
}

/** A certificate for web-1 of cluster prod, with a key that the operator makes. */
export function hostCertificate(overrides: ObjectOverrides<HostCertificate> = {}): HostCertificate {
  const key = overrides.spec?.publicKey === undefined ? { secretName: "web-1-host" } : {};
  const spec = { clusterRef: { name: "prod" }, hostnames: ["web-1"], ...key };
  return build("HostCertificate", "web-1", spec, { namespace: "prod", ...overrides });
}
