/**
 * The jump rule: inside a jump the proxy cannot see the login, so it assumes the worst.
 * A jump is covered only if everything that the certificate would open at the target is granted
 * there now. Without it a certificate made before root was revoked would still open
 * root through a grant for deploy. (docs/security-model.md, "The jump rule")
 */
import type { Certificate } from "@teleport-access/sshcert";
import { permissionsInside } from "./certificate-facts.ts";
import { lowerAscii } from "./globs.ts";
import type { Grant, Permission } from "./grant.ts";
import type { TargetAddress } from "./grant-matching.ts";
import type { Decision } from "./refusal.ts";

/** What only the inside of a jump shows: a grant that withholds one of these cannot be held to it there. */
const INVISIBLE: readonly Permission[] = ["Shell", "Exec", "FileTransfer"];

/**
 * The logins of the certificate that the target's sshd would let in: `x@cluster` and `x@host.cluster`, or every
 * bare one in a Plain cluster. A scope is compared without case, since a host may be
 * configured in either: too many honoured logins refuse, too few would let in.
 */
export function honouredLogins(principals: readonly string[], target: TargetAddress): readonly string[] {
  const scopes =
    target.cluster.principals === "Plain"
      ? []
      : [target.cluster.name, `${target.host}.${target.cluster.name}`].map(lowerAscii);
  const logins = principals.flatMap((principal) => {
    const at = principal.lastIndexOf("@");
    if (at < 0) return target.cluster.principals === "Plain" ? [principal] : [];
    return scopes.includes(lowerAscii(principal.slice(at + 1))) ? [principal.slice(0, at)] : [];
  });
  return [...new Set(logins)];
}

/**
 * Judges a jump to `target` with `certificate`, given the grants that cover the target now.
 * Each login is taken with each permission: which pair is used inside is unknown.
 */
export function coverJump(
  certificate: Certificate,
  target: TargetAddress,
  covering: readonly Grant[],
): Decision<{ readonly grants: readonly Grant[] }> {
  const logins = honouredLogins(certificate.principals, target);
  if (logins.length === 0) return { allowed: false, reason: "login-not-granted" };
  const needed = [...INVISIBLE, ...permissionsInside(certificate)];
  const covered = logins.every((login) => needed.every((p) => isGranted(covering, login, p)));
  if (!covered) return { allowed: false, reason: "jump-exceeds-grant" };
  return { allowed: true, grants: covering.filter((g) => g.logins.some((l) => logins.includes(l))) };
}

function isGranted(grants: readonly Grant[], login: string, permission: Permission): boolean {
  return grants.some((grant) => grant.logins.includes(login) && grant.permissions.includes(permission));
}
