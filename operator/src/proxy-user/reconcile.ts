/** Gathers the facts about a ProxyUser. What follows from them is plan.ts's business. */
import type { ProxyUser } from "@teleport-access/crd";
import type { Facts, KindReconciler } from "../kind.ts";
import { ownerOf } from "../objects.ts";
import type { Plan } from "../plan.ts";
import type { ObjectReference } from "../public-keys.ts";
import { proxyAccountName } from "../teleport-proxy/names.ts";
import { credentialsSecretName, inviteSecretName } from "./names.ts";
import { planProxyUser } from "./plan.ts";

export const proxyUserKind: KindReconciler<ProxyUser> = {
  kind: "ProxyUser",
  plural: "proxyusers",
  // lastLoginTime is the proxies'.
  statusFields: ["credentialsSecretName", "invite", "observedRequest", "grants"],
  references,
  plan,
};

function references({ spec }: ProxyUser): ObjectReference[] {
  const provided = spec.credentialsSecretRef;
  return provided === undefined ? [] : [{ kind: "Secret", name: provided.name }];
}

async function plan(user: ProxyUser, facts: Facts): Promise<Plan> {
  const owner = ownerOf("ProxyUser", user);
  const { namespace, name } = owner;
  const { world } = facts;
  const provided = user.spec.credentialsSecretRef;
  const [credentials, invite] = await Promise.all([
    provided === undefined
      ? facts.ownSecret(owner, credentialsSecretName(name))
      : facts.secret(namespace, provided.name),
    facts.ownSecret(owner, inviteSecretName(name)),
  ]);
  return planProxyUser({
    user,
    now: facts.now,
    credentials,
    invite,
    proxies: world.proxies.in(namespace).map((proxy) => ({
      proxy,
      role: world.roles.get(namespace, proxyAccountName(proxy.metadata.name)),
    })),
    grants: world.grants.in(namespace).filter((grant) => grant.spec.userRef.name === name).length,
  });
}
