/** Gathers the facts about a TeleportProxy. What follows from them is plan.ts's business. */
import type { TeleportProxy } from "@teleport-access/crd";
import { SESSION_SECRET } from "../ca/session-key.ts";
import type { Facts, KindReconciler } from "../kind.ts";
import { ownerOf, type ConfigMap } from "../objects.ts";
import type { Plan } from "../plan.ts";
import type { ObjectReference } from "../public-keys.ts";
import {
  proxyConfigMapName,
  sshHostSecretName,
  tlsSecretName,
  userCaConfigMapName,
  userCaSecretName,
} from "./names.ts";
import { planTeleportProxy } from "./plan.ts";

export const teleportProxyKind: KindReconciler<TeleportProxy> = {
  kind: "TeleportProxy",
  plural: "teleportproxies",
  statusFields: ["userCA", "proxy", "hostKeys", "tls", "endpoints", "trustedClusters", "connectedClusters"],
  references,
  plan,
};

function references(proxy: TeleportProxy): ObjectReference[] {
  const { spec, status } = proxy;
  const names = [spec.userCA.existingSecretRef?.name, spec.tls.secretRef?.name];
  // A lost key may come back without the label by which Secrets are watched.
  const lost = status?.conditions?.some((c) => c.status === "False" && c.reason === "KeyMissing");
  if (lost === true) names.push(userCaSecretName(proxy), SESSION_SECRET);
  return names.flatMap((name) => (name === undefined ? [] : [{ kind: "Secret" as const, name }]));
}

async function plan(proxy: TeleportProxy, facts: Facts): Promise<Plan> {
  const owner = ownerOf("TeleportProxy", proxy);
  const { namespace, name } = owner;
  const [userCaSecret, sshHostSecret, tlsSecret, sessionSecret] = await Promise.all([
    facts.ownSecret(owner, userCaSecretName(proxy)),
    facts.ownSecret(owner, sshHostSecretName(name)),
    facts.ownSecret(owner, tlsSecretName(proxy)),
    facts.secret(namespace, SESSION_SECRET),
  ]);
  const { world } = facts;
  return planTeleportProxy({
    proxy,
    operand: facts.proxyImage,
    now: facts.now,
    userCaSecret,
    sshHostSecret,
    tlsSecret,
    sessionSecret,
    // A key is made only where nothing was published: that must not be a stale memory.
    published:
      userCaSecret === undefined
        ? await facts.configMap(namespace, userCaConfigMapName(name))
        : world.configMaps.get(namespace, userCaConfigMapName(name)),
    configs: await configsOf(namespace, facts, sessionSecret === undefined),
    deployment: world.deployments.get(namespace, name),
    users: world.users.in(namespace),
    trusted: world.trusted.in(namespace),
  });
}

async function configsOf(namespace: string, facts: Facts, fresh: boolean): Promise<ConfigMap[]> {
  const names = facts.world.proxies.in(namespace).map((proxy) => proxyConfigMapName(proxy.metadata.name));
  const found = fresh
    ? await Promise.all(names.map((name) => facts.configMap(namespace, name)))
    : names.map((name) => facts.world.configMaps.get(namespace, name));
  return found.flatMap((config) => config ?? []);
}
