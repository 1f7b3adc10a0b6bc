/**
 * What a ProxyUser should be: credentials, and an invite until they are set. Pure.
 *
 * The order of events for a new user: empty credentials (with the hash of an
 * invite), `status.credentialsSecretName`, each proxy's Role lists the Secrets,
 * `status.invite`. An invite is announced only when the proxies can honour it.
 */
import type { ProxyUser, TeleportProxy } from "@teleport-access/crd";
import { parseDuration } from "@teleport-access/daemon";
import { kubeTime } from "@teleport-access/kube";
import { isMadeFor, ownerOf, secretText, type Role, type Secret } from "../objects.ts";
import { wake, type Plan, type PlannedCondition } from "../plan.ts";
import { grantsSecrets } from "../teleport-proxy/access-role.ts";
import {
  INVITE_EXPIRES,
  INVITE_HASH,
  isInviteOf,
  PASSWORD,
  REQUEST_ANNOTATION,
  RESET_ANNOTATION,
  type InviteOrder,
} from "./invite.ts";
import { credentialsSecretName, inviteSecretName } from "./names.ts";

/** A Secret of the user's own (credentialsSecretRef) must say that it is meant for it. */
export const CREDENTIALS_OF_LABEL = "teleport-access.io/credentials-of";

export interface ProxyUserInput {
  readonly user: ProxyUser;
  readonly now: Date;
  readonly credentials: Secret | undefined;
  readonly invite: Secret | undefined;
  /** The proxies of the namespace, and the Role of each. */
  readonly proxies: readonly { readonly proxy: TeleportProxy; readonly role: Role | undefined }[];
  /** UserAccesses that name the user. */
  readonly grants: number;
}

type Enrollment =
  | { readonly state: "blocked"; readonly reason: PlannedCondition["reason"]; readonly message: string }
  | { readonly state: "complete" }
  | { readonly state: "to-invite"; readonly order: InviteOrder }
  | { readonly state: "announcing" }
  | { readonly state: "invited"; readonly expires: Date; readonly reset: boolean };

export function planProxyUser(input: ProxyUserInput): Plan {
  const { user } = input;
  const { name } = user.metadata;
  const enrollment = decideEnrollment(input);
  const enrolled = enrolledCondition(enrollment, name);
  const invited = enrollment.state === "invited";
  const request = input.credentials?.metadata.annotations?.[REQUEST_ANNOTATION];
  return {
    orders: enrollment.state === "to-invite" ? [enrollment.order] : [],
    objects: [],
    // An invite that was used and not yet deleted by the proxy goes with the pruning.
    keep: [
      `Secret/${credentialsName(user)}`,
      ...(enrollment.state === "complete" ? [] : [`Secret/${inviteSecretName(name)}`]),
    ],
    complete: enrollment.state !== "blocked",
    status: {
      ...(enrollment.state === "blocked" ? {} : { credentialsSecretName: credentialsName(user) }),
      ...(invited
        ? { invite: { secretName: inviteSecretName(name), expirationTime: kubeTime(enrollment.expires) } }
        : {}),
      ...(request === undefined ? {} : { observedRequest: request }),
      grants: input.grants,
    },
    conditions: [ready(user, enrolled, enrollment), enrolled],
    ...wake(invited ? enrollment.expires : undefined),
  };
}

function credentialsName(user: ProxyUser): string {
  return user.spec.credentialsSecretRef?.name ?? credentialsSecretName(user.metadata.name);
}

function decideEnrollment(input: ProxyUserInput): Enrollment {
  const { user, credentials } = input;
  if (user.spec.credentialsSecretRef !== undefined) return decideProvided(input);
  const owner = ownerOf("ProxyUser", user);
  const foreign = [credentials, input.invite].find(
    (secret) => secret !== undefined && !isMadeFor(secret, owner),
  );
  if (foreign !== undefined) {
    const message = `Secret ${foreign.metadata.name} exists and was not made for this user; rename or delete it`;
    return { state: "blocked", reason: "NameConflict", message };
  }
  const request = user.spec.enrollment.request ?? "";
  const reset =
    credentials !== undefined && credentials.metadata.annotations?.[REQUEST_ANNOTATION] !== request;
  if (!reset && secretText(credentials, PASSWORD) !== undefined) return { state: "complete" };
  return decideInvite(input, reset);
}

/** A Secret that somebody else keeps is only ever read, and only when it says whose it is. */
function decideProvided({ user, credentials }: ProxyUserInput): Enrollment {
  const { name } = user.metadata;
  const reference = `Secret ${credentialsName(user)} (spec.credentialsSecretRef)`;
  if (credentials === undefined) {
    return { state: "blocked", reason: "SecretNotFound", message: `${reference} does not exist; create it` };
  }
  // Without this, whoever may write a ProxyUser could point a proxy at any Secret of the namespace.
  if (credentials.metadata.labels?.[CREDENTIALS_OF_LABEL] !== name) {
    const message = `${reference} lacks the label ${CREDENTIALS_OF_LABEL}=${name}; its owner has to set it`;
    return { state: "blocked", reason: "NameConflict", message };
  }
  if (secretText(credentials, PASSWORD) !== undefined) return { state: "complete" };
  return { state: "blocked", reason: "InvalidSpec", message: `${reference} has no key ${PASSWORD}` };
}

function decideInvite(input: ProxyUserInput, reset: boolean): Enrollment {
  const { user, credentials, now } = input;
  const [first] = [...input.proxies].sort((a, b) => (a.proxy.metadata.name < b.proxy.metadata.name ? -1 : 1));
  if (first === undefined) {
    const message = "there is no TeleportProxy in this namespace to invite to; create one";
    return { state: "blocked", reason: "NoProxy", message };
  }
  const expires = new Date(secretText(credentials, INVITE_EXPIRES) ?? 0);
  if (reset || expires <= now || !isOpen(input, first.proxy)) {
    return { state: "to-invite", order: planInvite(input, first.proxy, reset) };
  }
  const needed = [credentialsName(user), inviteSecretName(user.metadata.name)];
  const admitted = input.proxies.every(({ role }) => role !== undefined && grantsSecrets(role, needed));
  return admitted ? { state: "invited", expires, reset: wasReset(credentials) } : { state: "announcing" };
}

/** Whether the invite Secret holds the URL that the credentials wait for. */
function isOpen({ invite, credentials }: ProxyUserInput, proxy: TeleportProxy): boolean {
  const { web } = proxy.spec.publicAddresses;
  return isInviteOf(secretText(invite, "url") ?? "", web, secretText(credentials, INVITE_HASH));
}

function planInvite(
  { user, credentials, now }: ProxyUserInput,
  proxy: TeleportProxy,
  reset: boolean,
): InviteOrder {
  const ttl = parseDuration(proxy.spec.authentication.inviteTTL, "spec.authentication.inviteTTL");
  return {
    make: "invite",
    owner: ownerOf("ProxyUser", user),
    webAddress: proxy.spec.publicAddresses.web,
    expires: new Date(now.getTime() + ttl * 1000),
    request: user.spec.enrollment.request ?? "",
    reset: reset || wasReset(credentials),
    credentialsVersion: credentials?.metadata.resourceVersion,
  };
}

/** Whether former credentials were voided, and nobody has enrolled since. */
function wasReset(credentials: Secret | undefined): boolean {
  return credentials?.metadata.annotations?.[RESET_ANNOTATION] !== undefined;
}

function enrolledCondition(enrollment: Enrollment, name: string): PlannedCondition {
  const type = "Enrolled";
  switch (enrollment.state) {
    case "complete":
      return {
        type,
        status: "True",
        reason: "Complete",
        message: "the person has a password and a TOTP key",
      };
    case "blocked":
      return { type, status: "False", reason: enrollment.reason, message: enrollment.message };
    case "to-invite":
    case "announcing":
      return { type, status: "Unknown", reason: "InProgress", message: "the invite is being made" };
    case "invited": {
      const until = `send the URL in Secret ${inviteSecretName(name)} to the person before ${kubeTime(enrollment.expires)}`;
      return enrollment.reset
        ? {
            type,
            status: "False",
            reason: "Reset",
            message: `former password and TOTP key are void; ${until}`,
          }
        : { type, status: "False", reason: "InvitePending", message: until };
    }
  }
}

/** An open invite is all the operator can do, so it counts as ready: waiting for the person is not its business. */
function ready(user: ProxyUser, enrolled: PlannedCondition, enrollment: Enrollment): PlannedCondition {
  const type = "Ready";
  if (user.spec.suspend) {
    const message =
      "suspended: the person can neither sign in nor connect; set spec.suspend to false to go on";
    return { type, status: "False", reason: "Suspended", message };
  }
  if (enrollment.state === "complete")
    return { type, status: "True", reason: "Complete", message: enrolled.message };
  if (enrollment.state === "invited") {
    return { type, status: "True", reason: "InvitePending", message: enrolled.message };
  }
  return { ...enrolled, type };
}
