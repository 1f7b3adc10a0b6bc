/**
 * What is true of the keys of a TeleportProxy: user CA, session key, SSH host key,
 * web TLS. Pure; plan.ts and conditions.ts build on it.
 */
import type { TeleportProxy } from "@teleport-access/crd";
import {
  decideAuthority,
  rememberAuthority,
  type AuthorityMemory,
  type AuthorityState,
} from "../ca/authority.ts";
import { readHostKey, type HostKey } from "../ca/host-key.ts";
import { decideSessionKey, type SessionKeyState } from "../ca/session-key.ts";
import { isMadeFor, ownerOf, type ConfigMap, type Owner, type Secret } from "../objects.ts";
import { inspectWebTls, isWebTlsDue, webTlsNames, type WebTlsState } from "../tls/web-tls.ts";
import { tlsSecretName, userCaSecretName } from "./names.ts";

/** The Secrets of a proxy, and what was published of them. */
export interface KeyInput {
  readonly proxy: TeleportProxy;
  readonly now: Date;
  readonly userCaSecret: Secret | undefined;
  readonly sshHostSecret: Secret | undefined;
  readonly tlsSecret: Secret | undefined;
  readonly sessionSecret: Secret | undefined;
  /** ConfigMap `<proxy>-user-ca-pub`. */
  readonly published: ConfigMap | undefined;
  /** ConfigMaps `<proxy>-config` of all proxies of the namespace. */
  readonly configs: readonly ConfigMap[];
}

/** What was found out. */
export interface Keys {
  readonly memory: AuthorityMemory | undefined;
  readonly authority: AuthorityState;
  readonly session: SessionKeyState;
  readonly hostKey: HostKey | undefined;
  readonly tls: WebTlsState;
  readonly tlsDue: boolean;
  /** Why a Secret of a needed name cannot be used. */
  readonly obstacle: { readonly reason: "NameConflict" | "InvalidKey"; readonly message: string } | undefined;
}

/** Looks at what the Secrets hold. */
export function inspectKeys(input: KeyInput): Keys {
  const { proxy, now } = input;
  const owner = ownerOf("TeleportProxy", proxy);
  const { userCA } = proxy.spec;
  const provided = userCA.existingSecretRef;
  const { request } = userCA.rotation;
  const memory = rememberAuthority(proxy.status?.userCA, input.published);
  return {
    memory,
    authority: decideAuthority({
      field: "spec.userCA",
      secretName: userCaSecretName(proxy),
      secretKey: provided?.key ?? "ca.key",
      provided: provided !== undefined,
      secret: input.userCaSecret,
      foreign: isForeign(input.userCaSecret, provided !== undefined, owner),
      memory,
      request,
    }),
    session: decideSessionKey({ secret: input.sessionSecret, configs: input.configs, request }),
    hostKey: readHostKey(input.sshHostSecret),
    tls: inspectWebTls(tlsSecretName(proxy), input.tlsSecret, now),
    tlsDue: proxy.spec.tls.secretRef === undefined && isWebTlsDue(input.tlsSecret, tlsNames(proxy), now),
    obstacle: findObstacle(input),
  };
}

function findObstacle(input: KeyInput): Keys["obstacle"] {
  const owner = ownerOf("TeleportProxy", input.proxy);
  const selfMadeTls = input.proxy.spec.tls.secretRef === undefined;
  const foreign = [input.sshHostSecret, selfMadeTls ? input.tlsSecret : undefined].find(
    (secret) => secret !== undefined && !isMadeFor(secret, owner),
  );
  if (foreign !== undefined) {
    const message = `Secret ${foreign.metadata.name} exists and was not made for this object; rename or delete it`;
    return { reason: "NameConflict", message };
  }
  if (input.sshHostSecret === undefined || readHostKey(input.sshHostSecret) !== undefined) return undefined;
  const { name } = input.sshHostSecret.metadata;
  return {
    reason: "InvalidKey",
    message: `the host key in Secret ${name} cannot be read; restore or delete the Secret`,
  };
}

/** Whether a Secret lacks the operator's mark though it should have it. */
export function isForeign(secret: Secret | undefined, provided: boolean, owner: Owner): boolean {
  return secret !== undefined && !provided && !isMadeFor(secret, owner);
}

/** The names that a self-made certificate is for. */
export function tlsNames(proxy: TeleportProxy): string[] {
  const { name, namespace = "" } = proxy.metadata;
  return webTlsNames(proxy.spec.publicAddresses.web, name, namespace);
}

/** Whether everything that a pod mounts is there. */
export function canStart(keys: Keys): boolean {
  return (
    keys.authority.state === "ready" &&
    keys.session.state === "ready" &&
    keys.tls.state === "good" &&
    keys.hostKey !== undefined
  );
}
