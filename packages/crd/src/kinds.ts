/**
 * The names by which the API server knows our kinds.
 *
 * Generated from crds/*.yaml by hack/generate-crd-types.ts; do not edit.
 */
import type { HostCertificate } from "./host-certificate.ts";
import type { KeyHelperToken } from "./key-helper-token.ts";
import type { LoginSession } from "./login-session.ts";
import type { ProxyUser } from "./proxy-user.ts";
import type { TeleportCluster } from "./teleport-cluster.ts";
import type { TeleportProxy } from "./teleport-proxy.ts";
import type { TrustedHostCA } from "./trusted-host-ca.ts";
import type { UserAccess } from "./user-access.ts";

/** API group of every kind. */
export const GROUP = "teleport-access.io";
/** The served and stored version. */
export const VERSION = "v1alpha1";
/** What stands in apiVersion. */
export const API_VERSION = "teleport-access.io/v1alpha1";

/** Kind and plural (the word in URLs and RBAC rules) of each kind. */
export const KINDS = {
  HostCertificate: { kind: "HostCertificate", plural: "hostcertificates" },
  KeyHelperToken: { kind: "KeyHelperToken", plural: "keyhelpertokens" },
  LoginSession: { kind: "LoginSession", plural: "loginsessions" },
  ProxyUser: { kind: "ProxyUser", plural: "proxyusers" },
  TeleportCluster: { kind: "TeleportCluster", plural: "teleportclusters" },
  TeleportProxy: { kind: "TeleportProxy", plural: "teleportproxies" },
  TrustedHostCA: { kind: "TrustedHostCA", plural: "trustedhostcas" },
  UserAccess: { kind: "UserAccess", plural: "useraccesses" },
} as const;

/** Name of one of our kinds. */
export type Kind = keyof typeof KINDS;

/** The type behind each plural. */
export interface CustomResources {
  readonly hostcertificates: HostCertificate;
  readonly keyhelpertokens: KeyHelperToken;
  readonly loginsessions: LoginSession;
  readonly proxyusers: ProxyUser;
  readonly teleportclusters: TeleportCluster;
  readonly teleportproxies: TeleportProxy;
  readonly trustedhostcas: TrustedHostCA;
  readonly useraccesses: UserAccess;
}
