/**
 * Invites: a random token, whose hash goes into the credentials Secret and whose
 * URL goes into the invite Secret. The credentials are written first: an invite
 * that does not match them is worthless and is replaced in the next pass.
 */
import { createHash, randomBytes } from "node:crypto";
import { kubeTime } from "@teleport-access/kube";
import { childMetadata, secretData, type Manifest, type Owner } from "../objects.ts";
import { credentialsSecretName, inviteSecretName } from "./names.ts";

/** As many bits as no guessing reaches, whatever the proxy's rate limit. */
const TOKEN_BYTES = 32;

export const PASSWORD = "password";
export const INVITE_HASH = "invite.hash";
export const INVITE_EXPIRES = "invite.expires";
/** The `enrollment.request` that the credentials belong to. */
export const REQUEST_ANNOTATION = "teleport-access.io/enrollment-request";
/** Present once credentials were voided by a changed request. */
export const RESET_ANNOTATION = "teleport-access.io/credentials-reset";

export interface InviteOrder {
  readonly make: "invite";
  readonly owner: Owner;
  readonly webAddress: string;
  readonly expires: Date;
  readonly request: string;
  /** The credentials are voided by this: said in the condition. */
  readonly reset: boolean;
  /** Version of the credentials that were looked at; absent when there are none. */
  readonly credentialsVersion: string | undefined;
}

export interface InviteSecrets {
  /** To be created, or to replace exactly the version that was looked at. */
  readonly credentials: Manifest;
  readonly invite: Manifest;
}

/** The two Secrets of a new invite. Whatever was in the credentials is void. */
export function makeInvite(order: InviteOrder): InviteSecrets {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const { owner, credentialsVersion } = order;
  const expires = kubeTime(order.expires);
  const metadata = childMetadata(owner, credentialsSecretName(owner.name), "proxy", {
    annotations: {
      [REQUEST_ANNOTATION]: order.request,
      ...(order.reset ? { [RESET_ANNOTATION]: "true" } : {}),
    },
  });
  return {
    credentials: {
      apiVersion: "v1",
      kind: "Secret",
      metadata:
        credentialsVersion === undefined ? metadata : { ...metadata, resourceVersion: credentialsVersion },
      type: "Opaque",
      data: secretData({ [INVITE_HASH]: hashInviteToken(token), [INVITE_EXPIRES]: expires }),
    },
    invite: {
      apiVersion: "v1",
      kind: "Secret",
      metadata: childMetadata(owner, inviteSecretName(owner.name), "proxy"),
      type: "Opaque",
      data: secretData({ url: `${order.webAddress}/invite#${owner.name}.${token}`, expires }),
    },
  };
}

/** Hex SHA-256 of a token, as the credentials hold it. */
export function hashInviteToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Whether the URL in an invite Secret is the one that the credentials wait for. */
export function isInviteOf(url: string, webAddress: string, hash: string | undefined): boolean {
  const token = url.slice(url.lastIndexOf(".") + 1);
  return url.startsWith(`${webAddress}/invite#`) && hash === hashInviteToken(token);
}
