/** Holds the chart's roles to the code: what the operator may do, and that it may hand on what it grants. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ProxyUser, TeleportCluster } from "@teleport-access/crd";
import { parse, parseAllDocuments } from "yaml";
import type { RoleRule } from "./objects.ts";
import { agentRules } from "./teleport-cluster/manifests.ts";
import { proxyRules } from "./teleport-proxy/access-role.ts";
import { CHILD_PLURALS, OWN_PLURALS, resourceOf } from "./world.ts";

const CHART = join(import.meta.dirname, "../../charts/teleport-access");
const operatorRules = parse(readFileSync(join(CHART, "files/operator-rules.yaml"), "utf8")) as RoleRule[];
const user = {
  metadata: { name: "alice" },
  status: { credentialsSecretName: "alice-credentials" },
} as ProxyUser;
const cluster = { metadata: { name: "prod" } } as TeleportCluster;

/** One verb on one resource: `group/resource:verb`. */
function atoms(rules: readonly RoleRule[]): string[] {
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((r) => verbs.map((verb) => `${group}/${r}:${verb}`))),
  );
}

function lines(rules: readonly RoleRule[]): string[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
      resources.map(
        (r) =>
          `${apiGroups.join()}/${r}${resourceNames === undefined ? "" : `[${resourceNames.join()}]`}: ${verbs.join(" ")}`,
      ),
    )
    .sort();
}

/** The user roles of the chart, read without helm: its templates only fill in names and labels there. */
function userRoles(): { name: string; aggregated: string[]; rules: RoleRule[] }[] {
  const template = readFileSync(join(CHART, "templates/user-roles.yaml"), "utf8");
  const all = OWN_PLURALS.map((plural) => `"${plural}"`).join(",");
  const text = template
    .replace(/\{\{ toJson \$all \}\}/g, `[${all}]`)
    .replace(/\{\{ include "teleport-access.fullname" \. \}\}/g, "ta")
    .replace(/^.*\{\{-.*\}\}\n/gm, "");
  return parseAllDocuments(text).map((document) => {
    const { metadata, rules } = document.toJS() as {
      metadata: { name: string; labels?: object };
      rules: RoleRule[];
    };
    const aggregated = Object.keys(metadata.labels ?? {}).filter((label) => label.includes("aggregate-to"));
    return { name: metadata.name, aggregated, rules };
  });
}

test("operator rules hold no wildcard and no way to more rights", () => {
  for (const rule of operatorRules) {
    for (const word of [...rule.apiGroups, ...rule.resources, ...rule.verbs]) {
      assert.ok(!word.includes("*"), word);
      assert.ok(!["escalate", "bind", "impersonate"].includes(word), word);
    }
  }
  const resources = operatorRules.flatMap((rule) => rule.resources);
  for (const never of [
    "pods/exec",
    "nodes",
    "clusterroles",
    "clusterrolebindings",
    "statefulsets",
    "controllerrevisions",
  ]) {
    assert.ok(!resources.includes(never), never);
  }
});

test("operator rules cover all that it hands on to proxies and agents", () => {
  const held = new Set(atoms(operatorRules));
  for (const atom of atoms([...proxyRules([user]), ...agentRules(cluster)])) assert.ok(held.has(atom), atom);
});

test("operator rules let it watch and make each kind of object that it makes", () => {
  const held = new Set(atoms(operatorRules));
  for (const plural of OWN_PLURALS) {
    for (const verb of ["get", "list", "watch"])
      assert.ok(held.has(`teleport-access.io/${plural}:${verb}`), plural);
  }
  for (const plural of CHILD_PLURALS) {
    const { group } = resourceOf(plural);
    for (const verb of ["get", "list", "watch", "create", "patch", "delete"]) {
      assert.ok(held.has(`${group}/${plural}:${verb}`), `${plural} ${verb}`);
    }
  }
});

test("operator rules are exactly these", () => {
  assert.deepEqual(lines(operatorRules), [
    "/configmaps: get list watch create patch delete",
    "/pods: list watch patch",
    "/secrets: get list watch create update patch delete",
    "/serviceaccounts: get list watch create patch delete",
    "/services: get list watch create patch delete",
    "apps/deployments: get list watch create patch delete",
    "discovery.k8s.io/endpointslices: get list watch",
    "events.k8s.io/events: create patch",
    "networking.k8s.io/networkpolicies: get list watch create patch delete",
    "policy/poddisruptionbudgets: get list watch create patch delete",
    "rbac.authorization.k8s.io/rolebindings: get list watch create patch delete",
    "rbac.authorization.k8s.io/roles: get list watch create patch delete",
    "teleport-access.io/hostcertificates/finalizers: update",
    "teleport-access.io/hostcertificates/status: patch",
    "teleport-access.io/hostcertificates: get list watch",
    "teleport-access.io/keyhelpertokens/status: patch",
    "teleport-access.io/keyhelpertokens: create delete",
    "teleport-access.io/keyhelpertokens: get list watch",
    "teleport-access.io/loginsessions/status: patch",
    "teleport-access.io/loginsessions: create delete",
    "teleport-access.io/loginsessions: get list watch",
    "teleport-access.io/proxyusers/finalizers: update",
    "teleport-access.io/proxyusers/status: patch",
    "teleport-access.io/proxyusers: get list watch",
    "teleport-access.io/teleportclusters/finalizers: update",
    "teleport-access.io/teleportclusters/status: patch",
    "teleport-access.io/teleportclusters: get list watch",
    "teleport-access.io/teleportproxies/finalizers: update",
    "teleport-access.io/teleportproxies/status: patch",
    "teleport-access.io/teleportproxies: get list watch",
    "teleport-access.io/trustedhostcas/status: patch",
    "teleport-access.io/trustedhostcas: get list watch",
    "teleport-access.io/useraccesses/status: patch",
    "teleport-access.io/useraccesses: get list watch",
  ]);
});

test("proxyRules opens Secrets by name only, and none while there are no users", () => {
  assert.deepEqual(lines(proxyRules([user])), [
    "/secrets[alice-credentials]: get update",
    "/secrets[alice-invite]: get delete",
    "discovery.k8s.io/endpointslices: get list watch",
    "events.k8s.io/events: create patch",
    "teleport-access.io/keyhelpertokens/status: patch",
    "teleport-access.io/keyhelpertokens: get list watch create delete",
    "teleport-access.io/loginsessions/status: patch",
    "teleport-access.io/loginsessions: get list watch create delete",
    "teleport-access.io/proxyusers/status: patch",
    "teleport-access.io/proxyusers: get list watch",
    "teleport-access.io/trustedhostcas/status: patch",
    "teleport-access.io/trustedhostcas: get list watch",
    "teleport-access.io/useraccesses: get list watch",
  ]);
  assert.ok(!atoms(proxyRules([])).some((atom) => atom.startsWith("/secrets")));
});

test("agentRules lets an agent at its two ConfigMaps and nothing else", () => {
  assert.deepEqual(lines(agentRules(cluster)), [
    "/configmaps[prod-agent-config]: get list watch",
    "/configmaps[prod-agent-report]: patch",
  ]);
});

test("user roles of the chart: nothing is aggregated into edit, a revoker can only take away", () => {
  const roles = userRoles();
  assert.deepEqual(
    roles.map(({ name, aggregated }) => `${name} ${aggregated.join()}`.trim()),
    [
      "ta-view rbac.authorization.k8s.io/aggregate-to-view",
      "ta-admin rbac.authorization.k8s.io/aggregate-to-admin",
      "ta-access-manager",
      "ta-access-revoker",
    ],
  );
  const verbs = new Set(
    roles.find(({ name }) => name === "ta-access-revoker")?.rules.flatMap((rule) => rule.verbs),
  );
  assert.deepEqual([...verbs].sort(), ["delete", "deletecollection", "get", "list", "watch"]);
  const view = roles.find(({ name }) => name === "ta-view")?.rules ?? [];
  assert.deepEqual([...new Set(view.flatMap((rule) => rule.verbs))], ["get", "list", "watch"]);
  for (const { rules } of roles)
    assert.ok(!atoms(rules).some((atom) => atom.includes("*") || atom.includes("/secrets")));
});
