/**
 * Carries out orders: makes keys, certificates and invites, and stores them.
 *
 * A key is created, never applied: should one have appeared meanwhile, the API
 * server refuses and the next pass finds it.
 */
import { KubeError, RESOURCES, type EventNote, type KubeClient } from "@teleport-access/kube";
import type { AdoptionOrder } from "./ca/authority.ts";
import { makeAuthority } from "./ca/make-authority.ts";
import { makeHostKey, type HostKeyOrder } from "./ca/host-key.ts";
import {
  issueForPublicKey,
  issueIntoSecret,
  type HostCertificateOrder,
} from "./ca/issue-host-certificate.ts";
import { makeSessionKey, SESSION_SECRET } from "./ca/session-key.ts";
import { FIELD_MANAGER } from "./apply.ts";
import { OperatorError } from "./errors.ts";
import { childMetadata, isMadeFor, type Manifest, type Secret } from "./objects.ts";
import type { Order } from "./plan.ts";
import { makeInvite, type InviteOrder } from "./proxy-user/invite.ts";
import { inviteSecretName } from "./proxy-user/names.ts";
import { makeWebTls, type WebTlsOrder } from "./tls/make-web-tls.ts";

/** What came of an order. */
export interface Made {
  /** A certificate for status. */
  readonly certificate?: string;
  readonly event: EventNote;
}

/** Carries out one order. Rejects with KUBE_CONFLICT when the world changed since the plan was drawn. */
export function fulfil(client: KubeClient, order: Order, now: Date): Promise<Made> {
  switch (order.make) {
    case "authority":
      return create(client, makeAuthority(order), `made a new CA key in Secret ${order.secretName}`);
    case "session-key":
      return create(client, makeSessionKey(order), `made a new session key in Secret ${SESSION_SECRET}`);
    case "ssh-host-key":
      return fulfilHostKey(client, order);
    case "web-tls":
      return fulfilWebTls(client, order, now);
    case "host-certificate":
      return fulfilHostCertificate(client, order, now);
    case "invite":
      return fulfilInvite(client, order);
    case "adoption":
      return adopt(client, order);
  }
}

async function create(client: KubeClient, secret: Manifest, note: string): Promise<Made> {
  await createSecret(client, secret);
  return { event: { type: "Normal", reason: "KeyMade", action: "MakeKey", note } };
}

async function fulfilHostKey(client: KubeClient, order: HostKeyOrder): Promise<Made> {
  const made = await create(
    client,
    makeHostKey(order),
    `made a new SSH host key in Secret ${order.secretName}`,
  );
  if (!order.replaces) return made;
  const note =
    `the SSH host key was lost and made again in Secret ${order.secretName}; ` +
    "copy status.hostKeys into spec.proxies[].hostKeys of the TeleportClusters";
  return { event: { type: "Warning", reason: "HostKeyReplaced", action: "MakeKey", note } };
}

async function createSecret(client: KubeClient, secret: Manifest): Promise<void> {
  try {
    await client.create(RESOURCES.secrets, secret);
  } catch (error) {
    if (!(error instanceof KubeError) || error.code !== "KUBE_ALREADY_EXISTS") throw error;
    // Somebody was faster: the next pass looks at what is there now.
    throw new KubeError("KUBE_CONFLICT", error.message, { cause: error });
  }
}

/** Marks a restored Secret, so that it is watched again; its content is not touched. */
async function adopt(client: KubeClient, order: AdoptionOrder): Promise<Made> {
  const { owner, secretName: name } = order;
  const { labels, annotations } = childMetadata(owner, name, order.component, { retain: true });
  await client.patch(
    RESOURCES.secrets,
    { namespace: owner.namespace, name },
    { metadata: { labels, annotations } },
  );
  const note = `Secret ${name} holds the key that was missing; signing goes on`;
  return { event: { type: "Normal", reason: "KeyRestored", action: "AdoptKey", note } };
}

async function fulfilWebTls(client: KubeClient, order: WebTlsOrder, now: Date): Promise<Made> {
  const existing = await readSecret(client, order.owner.namespace, order.authoritySecretName);
  if (existing !== undefined && !isMadeFor(existing, order.owner)) {
    const message = `Secret ${order.authoritySecretName} exists and was not made for this object`;
    throw new OperatorError("NAME_CONFLICT", message);
  }
  const { authority, leaf } = makeWebTls(order, existing, now);
  for (const secret of authority === undefined ? [leaf] : [authority, leaf]) {
    await client.apply(RESOURCES.secrets, secret, { fieldManager: FIELD_MANAGER });
  }
  const note = `made a web certificate in Secret ${order.secretName}`;
  return { event: { type: "Normal", reason: "CertificateIssued", action: "IssueCertificate", note } };
}

async function fulfilHostCertificate(
  client: KubeClient,
  order: HostCertificateOrder,
  now: Date,
): Promise<Made> {
  const { namespace } = order.owner;
  const authority = {
    ...order.authority,
    secret: await readSecret(client, namespace, order.authority.secretName),
  };
  const note = `issued a host certificate for ${order.principals.join(", ")}`;
  const event: EventNote = { type: "Normal", reason: "CertificateIssued", action: "IssueCertificate", note };
  if (order.secretName === undefined) return { certificate: issueForPublicKey(order, authority, now), event };
  const existing = await readSecret(client, namespace, order.secretName);
  const secret = issueIntoSecret(order, existing, authority, now);
  if (existing === undefined) await createSecret(client, secret);
  else await client.replace(RESOURCES.secrets, secret);
  return { event };
}

async function fulfilInvite(client: KubeClient, order: InviteOrder): Promise<Made> {
  const { credentials, invite } = makeInvite(order);
  if (order.credentialsVersion === undefined) await createSecret(client, credentials);
  else await client.replace(RESOURCES.secrets, credentials);
  await client.apply(RESOURCES.secrets, invite, { fieldManager: FIELD_MANAGER });
  const reset = order.reset ? "credentials are void; " : "";
  const note = `${reset}a new invite is in Secret ${inviteSecretName(order.owner.name)}`;
  return { event: { type: "Normal", reason: "InviteIssued", action: "Invite", note } };
}

function readSecret(client: KubeClient, namespace: string, name: string): Promise<Secret | undefined> {
  return client.get(RESOURCES.secrets, { namespace, name });
}
