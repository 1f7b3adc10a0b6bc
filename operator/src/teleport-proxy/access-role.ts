/**
 * What a proxy may do with the API: the Role `<proxy>-proxy`. It names each
 * Secret that a proxy may open; a ProxyUser is invited only after the Role lists
 * that user's Secrets.
 */
import { GROUP, type ProxyUser } from "@teleport-access/crd";
import type { Role, RoleRule } from "../objects.ts";
import { inviteSecretName } from "../proxy-user/names.ts";

const READ = ["get", "list", "watch"];

/** Whether the operator has found a user's Secrets to be in order, so that a proxy may be let at them. */
function credentialsOf(user: ProxyUser): string[] {
  const name = user.status?.credentialsSecretName;
  return name === undefined ? [] : [name];
}

/** The rules of the Role, for the users of the namespace. */
export function proxyRules(users: readonly ProxyUser[]): RoleRule[] {
  const ready = users.filter((user) => credentialsOf(user).length > 0);
  const credentials = ready.flatMap(credentialsOf).sort();
  const invites = ready.map((user) => inviteSecretName(user.metadata.name)).sort();
  return [
    rule(["useraccesses", "proxyusers", "trustedhostcas"], READ),
    rule(["keyhelpertokens", "loginsessions"], [...READ, "create", "delete"]),
    rule(
      ["keyhelpertokens/status", "loginsessions/status", "proxyusers/status", "trustedhostcas/status"],
      ["patch"],
    ),
    ...named(credentials, ["get", "update"]),
    ...named(invites, ["get", "delete"]),
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: READ },
    { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
  ];
}

/** Whether `role` lets its proxy at the Secrets `names`. */
export function grantsSecrets(role: Role, names: readonly string[]): boolean {
  const secrets = (role.rules ?? []).filter((r) => r.resources.includes("secrets"));
  const listed = new Set(secrets.flatMap((r) => r.resourceNames ?? []));
  return names.every((name) => listed.has(name));
}

function rule(resources: readonly string[], verbs: readonly string[]): RoleRule {
  return { apiGroups: [GROUP], resources, verbs };
}

/** No names would mean all Secrets: then there is no rule. */
function named(resourceNames: readonly string[], verbs: readonly string[]): RoleRule[] {
  return resourceNames.length === 0
    ? []
    : [{ apiGroups: [""], resources: ["secrets"], resourceNames, verbs }];
}
