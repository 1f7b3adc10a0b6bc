/** Names of the objects that a TeleportProxy brings with it (crds.md, "Which object holds what"). */
import type { TeleportProxy } from "@teleport-access/crd";

export function userCaSecretName(proxy: TeleportProxy): string {
  return proxy.spec.userCA.existingSecretRef?.name ?? `${proxy.metadata.name}-user-ca`;
}

export function userCaConfigMapName(proxyName: string): string {
  return `${proxyName}-user-ca-pub`;
}

export function proxyConfigMapName(proxyName: string): string {
  return `${proxyName}-config`;
}

export function sshHostSecretName(proxyName: string): string {
  return `${proxyName}-ssh-host`;
}

export function tlsSecretName(proxy: TeleportProxy): string {
  return proxy.spec.tls.secretRef?.name ?? `${proxy.metadata.name}-tls`;
}

/** The self-made authority's key, which no pod mounts. */
export function tlsAuthoritySecretName(proxyName: string): string {
  return `${proxyName}-tls-ca`;
}

export function proxyAccountName(proxyName: string): string {
  return `${proxyName}-proxy`;
}

/** The addresses that people and agents use, defaults filled in. */
export interface PublicAddresses {
  readonly web: string;
  readonly ssh: string;
  readonly tunnel: string;
}

export function publicAddresses(proxy: TeleportProxy): PublicAddresses {
  const { web, ssh, tunnel } = proxy.spec.publicAddresses;
  const { ports } = proxy.spec.service;
  const host = webHost(web);
  return { web, ssh: ssh ?? `${host}:${ports.ssh}`, tunnel: tunnel ?? `${host}:${ports.tunnel}` };
}

/** The host of a web address, an IPv6 address in its brackets. */
export function webHost(web: string): string {
  return new URL(web).hostname;
}
