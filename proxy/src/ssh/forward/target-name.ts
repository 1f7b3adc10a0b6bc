/**
 * Which target does the SSH user name ask for? `deploy@web-1.prod`, `deploy%web-1.prod`, and either with
 * `:port`: what a stock client sends for `ssh deploy@web-1.prod@proxy`. A wish and nothing else: who the
 * person is comes from their certificate, what they may do from their grants.
 */
import { isLoginName, parseTarget } from "@teleport-access/wire";

/** A login on a port of a target. */
export interface TargetName {
  readonly login: string;
  /** Without its cluster. */
  readonly host: string;
  readonly cluster: string;
  readonly port: number;
}

/** What a user name asks for: a target, none (any local account's name), or one that cannot be read. */
export type TargetWish =
  | { readonly kind: "none" }
  | { readonly kind: "target"; readonly target: TargetName }
  | { readonly kind: "unreadable" };

/** Login, host and cluster as long as they may be, a separator and `:65535`. */
const MAX_WISH_LENGTH = 384;

/** A port is digits without a leading zero: one way to write each. */
const WISH = /^(?<login>[^@%]+)[@%](?<name>[^@%:]+)(?::(?<port>[1-9]\d{0,4}))?$/;

/** Behind any user name: "ask me for a code" (docs/decisions/0008). No login, host, cluster or port ends like this. */
const CODE_WISH = "+code";

/** Whether the person asks to be asked for a one-time code. */
export function asksForCode(userName: string): boolean {
  return userName.endsWith(CODE_WISH);
}

/** Reads the SSH user name. What has neither `@` nor `%` names no target. */
export function readTargetWish(fullName: string): TargetWish {
  const userName = asksForCode(fullName) ? fullName.slice(0, -CODE_WISH.length) : fullName;
  if (!/[@%]/.test(userName)) return { kind: "none" };
  const target = userName.length > MAX_WISH_LENGTH ? undefined : readTarget(userName);
  return target === undefined ? { kind: "unreadable" } : { kind: "target", target };
}

function readTarget(userName: string): TargetName | undefined {
  const { login = "", name = "", port = "22" } = WISH.exec(userName)?.groups ?? {};
  const target = parseTarget(name);
  if (target === undefined || !isLoginName(login) || Number(port) > 65_535) return undefined;
  return { login, ...target, port: Number(port) };
}

/** `host.cluster`: what the target's host certificate has to say, and people read. */
export function hostNameOf({ host, cluster }: Pick<TargetName, "host" | "cluster">): string {
  return `${host}.${cluster}`;
}

/** `host.cluster`, with the port when it is not SSH's own. */
export function addressOf(target: Omit<TargetName, "login">): string {
  return target.port === 22 ? hostNameOf(target) : `${hostNameOf(target)}:${target.port}`;
}
