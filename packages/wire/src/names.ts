/**
 * Which names there are. One place, so that what one program accepts another
 * can put into a certificate, an object's name, a log line or an ssh_config.
 */
import { MAX_LABEL_LENGTH, MAX_LOGIN_LENGTH, MAX_NAME_LENGTH } from "./limits.ts";

/** A person: the name of a ProxyUser. Dots are fine, a leading dash is not: it could be read as an option. */
export const USER_NAME: Readonly<RegExp> = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;
/** A cluster: one DNS label without dots, since the last label of a target is its cluster. */
export const CLUSTER_NAME: Readonly<RegExp> = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
/** A host inside its cluster: labels of letters, digits, dash, underscore. */
export const HOST_NAME: Readonly<RegExp> =
  /^[a-z0-9](?:[-a-z0-9_]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9_]*[a-z0-9])?)*$/;
/** An account on a target, as useradd(8) makes them; `$` ends a machine account of Samba. */
export const LOGIN_NAME: Readonly<RegExp> = /^[a-z_][a-z0-9_.-]*\$?$/;
/** An object of Kubernetes, a pod among them. */
export const OBJECT_NAME: Readonly<RegExp> = USER_NAME;
/** A host as people may list it: `*` and `?` match within the name. */
export const HOST_GLOB: Readonly<RegExp> = /^[A-Za-z0-9*?.:/_-]+$/;

export function isUserName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && USER_NAME.test(text);
}

export function isClusterName(text: string): boolean {
  return text.length <= MAX_LABEL_LENGTH && CLUSTER_NAME.test(text);
}

export function isHostName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && HOST_NAME.test(text);
}

export function isLoginName(text: string): boolean {
  return text.length <= MAX_LOGIN_LENGTH && LOGIN_NAME.test(text);
}

export interface Target {
  /** Without its cluster. */
  readonly host: string;
  readonly cluster: string;
}

/**
 * Splits `web-1.prod` at its last dot. Names are compared in lower case, as DNS
 * does; undefined for what is no target.
 */
export function parseTarget(text: string): Target | undefined {
  const lower = text.toLowerCase();
  const dot = lower.lastIndexOf(".");
  if (dot < 0) return undefined;
  const target = { host: lower.slice(0, dot), cluster: lower.slice(dot + 1) };
  return isHostName(target.host) && isClusterName(target.cluster) ? target : undefined;
}
