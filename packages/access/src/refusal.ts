/**
 * Every reason for which access is refused, and the few texts that people see.
 * The reason goes to audit lines and metrics; a stranger learns one sentence.
 */
import type { CertificateRefusal } from "@teleport-access/sshcert";

/** Why access was refused. */
export type AccessRefusal =
  | `certificate-${CertificateRefusal}`
  | "certificate-source-not-allowed"
  | "certificate-without-session"
  | "certificate-without-extension"
  | "key-not-acceptable"
  | "user-unknown"
  | "user-suspended"
  | "session-gone"
  | "session-expired"
  | "cluster-not-trusted"
  | "cluster-suspended"
  | "no-grant"
  | "target-not-granted"
  | "login-not-granted"
  | "permission-not-granted"
  | "jump-exceeds-grant"
  | "grant-expired"
  | "grant-not-started"
  | "grant-suspended"
  | "source-not-allowed"
  | "second-factor-required"
  | "access-list-stale";

/** Each reason with the sentence that the documentation and the audit reader get. */
export const ACCESS_REFUSALS: Readonly<Record<AccessRefusal, string>> = {
  "certificate-wrong-type": "The certificate is a host's, not a person's.",
  "certificate-unknown-authority": "The certificate is signed by a CA that is not this proxy's user CA.",
  "certificate-not-yet-valid": "The certificate starts in the future: a clock is wrong.",
  "certificate-expired": "The certificate is over; the key-helper fetches a new one after sign-in.",
  "certificate-no-principals": "The certificate names no principals, which would be good for everybody.",
  "certificate-principal-not-listed": "The certificate does not name the principal that was asked for.",
  "certificate-unknown-critical-option":
    "The certificate carries a critical option that this proxy cannot enforce.",
  "certificate-bad-signature": "The CA's signature on the certificate is not good.",
  "certificate-lifetime-too-long": "The certificate was made for longer than this proxy allows.",
  "certificate-empty-validity": "The certificate ends before it begins.",
  "certificate-source-not-allowed": "The certificate's source-address option does not list the client.",
  "certificate-without-session": "The certificate does not name the sign-in that it comes from.",
  "certificate-without-extension": "The certificate lacks the permit- extension for what was asked for.",
  "key-not-acceptable": "The public key is too weak, or of a type that is not certified.",
  "user-unknown": "There is no ProxyUser of this name.",
  "user-suspended": "The ProxyUser is suspended.",
  "session-gone": "The sign-in behind the certificate or cookie was ended.",
  "session-expired": "The sign-in behind the certificate or cookie is over.",
  "cluster-not-trusted": "There is no TrustedHostCA of this name.",
  "cluster-suspended": "The TrustedHostCA is suspended.",
  "no-grant": "The person has no UserAccess.",
  "target-not-granted": "No grant of the person names this cluster, host and port.",
  "login-not-granted": "No grant of the person names this login on the target.",
  "permission-not-granted": "No grant of the person allows this action on the target.",
  "jump-exceeds-grant":
    "The certificate is good for more at this target than the grants allow, and the login inside a jump cannot be seen.",
  "grant-expired": "The grants that would match are over.",
  "grant-not-started": "The grants that would match have not begun.",
  "grant-suspended": "The grants that would match are suspended.",
  "source-not-allowed": "The grants that would match do not list the client's address.",
  "second-factor-required": "The grants that would match ask for a TOTP code at each session.",
  "access-list-stale": "The proxy has not heard from the API server for too long to let anybody in.",
};

/** The answer of a decision. */
export type Decision<T> =
  ({ readonly allowed: true } & T) | { readonly allowed: false; readonly reason: AccessRefusal };

/**
 * What the person is told: one text per class, and none that says whether a
 * user, a cluster or a grant exists.
 */
export function textForPeople(reason: AccessRefusal): string {
  if (reason === "jump-exceeds-grant") {
    return "access denied in the jump form; use the forward form: ssh -A login@host.cluster@proxy";
  }
  if (reason === "second-factor-required") {
    return "access denied without a code; put +code behind the proxy's user name to be asked: ssh -J you+code@proxy";
  }
  if (reason === "access-list-stale") return "access denied: the proxy's access list is not up to date";
  return "access denied";
}
