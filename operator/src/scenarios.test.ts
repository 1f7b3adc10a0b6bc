/** Runs scenarios/*.txt; scenarios/README.md says how to read and write them. UPDATE=1 rewrites what comes out. */
import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments, stringify } from "yaml";
import { withCrdDefaults } from "./crd-defaults-fixture.test.ts";
import { hostCertificateKind } from "./host-certificate/reconcile.ts";
import type { Facts, KindReconciler, Resource } from "./kind.ts";
import type { KubernetesObject, Secret, ConfigMap } from "./objects.ts";
import { objectId, type Order, type Plan } from "./plan.ts";
import { proxyUserKind } from "./proxy-user/reconcile.ts";
import { teleportClusterKind } from "./teleport-cluster/reconcile.ts";
import { teleportProxyKind } from "./teleport-proxy/reconcile.ts";
import { trustedHostCaKind } from "./trusted-host-ca/reconcile.ts";
import { userAccessKind } from "./user-access/reconcile.ts";
import { CHILD_PLURALS, OWN_PLURALS, resourceOf, World, type WatchedPlural } from "./world.ts";

const FOLDER = join(import.meta.dirname, "scenarios");
const DEFAULT_NOW = "2026-11-24T01:00:00Z";
const SEPARATOR = "\n----\n";

const KINDS = [
  teleportProxyKind,
  teleportClusterKind,
  trustedHostCaKind,
  proxyUserKind,
  userAccessKind,
  hostCertificateKind,
] as readonly KindReconciler<Resource>[];

interface Scenario {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly now: Date;
  readonly show: ReadonlySet<string>;
  readonly objects: readonly KubernetesObject[];
}

function parseScenario(input: string): Scenario {
  const start = input.search(/^(apiVersion|---)/m);
  const header = start < 0 ? input : input.slice(0, start);
  function directive(pattern: RegExp): string[] {
    return [...header.matchAll(pattern)].map((m) => m[1] ?? "");
  }
  const [kind = "", place = ""] = (directive(/^look at (\S+ \S+)$/gm)[0] ?? "").split(" ");
  const [namespace = "", name = ""] = place.split("/");
  const included = directive(/^include (\S+)$/gm).map((file) =>
    readFileSync(join(FOLDER, "fixtures", file), "utf8"),
  );
  const objects = [...included, start < 0 ? "" : input.slice(start)].flatMap(parseObjects);
  const now = new Date(directive(/^now (\S+)$/gm)[0] ?? DEFAULT_NOW);
  return { kind, namespace, name, now, show: new Set(directive(/^show (\S+)$/gm)), objects };
}

function parseObjects(text: string): KubernetesObject[] {
  const documents = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null);
  return documents.flatMap((object) => (object === null ? [] : [stored(object)]));
}

/** The object as the API server would hold it. */
function stored(object: KubernetesObject): KubernetesObject {
  const { name } = object.metadata;
  const metadata = { uid: `uid-${name}`, resourceVersion: "1", generation: 1, ...object.metadata };
  return withCrdDefaults({ ...object, metadata });
}

function gather(scenario: Scenario): Facts {
  const world = new World();
  for (const plural of [...OWN_PLURALS, ...CHILD_PLURALS, "pods"] as WatchedPlural[]) {
    const { kind } = resourceOf(plural);
    const found = scenario.objects.filter((object) => object.kind === kind);
    world.apply(
      plural,
      found.map((object) => ({ type: "added", object })),
    );
  }
  function read<T extends KubernetesObject>(
    kind: string,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    const found = scenario.objects.find(
      (o) => o.kind === kind && o.metadata.namespace === namespace && o.metadata.name === name,
    );
    return Promise.resolve(found as T | undefined);
  }
  return {
    world,
    now: scenario.now,
    proxyImage: { image: "teleport-access/proxy:0.1.0", pullPolicy: "IfNotPresent" },
    agentImage: { image: "teleport-access/cluster-agent:0.1.0", pullPolicy: "IfNotPresent" },
    madeCertificate: undefined,
    secret: (namespace, name) => read<Secret>("Secret", namespace, name),
    ownSecret: (owner, name) => read<Secret>("Secret", owner.namespace, name),
    configMap: (namespace, name) => read<ConfigMap>("ConfigMap", namespace, name),
  };
}

function print(plan: Plan, show: ReadonlySet<string>): string {
  const parts = [
    ...plan.orders.map((order) => `make: ${describeOrder(order)}`),
    ...plan.conditions.map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`),
    ...(plan.objects.length === 0 ? [] : [`objects: ${plan.objects.map(objectId).join(" ")}`]),
    ...(plan.releases ?? []).map(
      ({ kind, name, fieldManager }) => `release: what ${fieldManager} wrote into ${kind}/${name}`,
    ),
    ...(plan.complete ? [] : ["nothing is deleted"]),
    ...(plan.wakeAt === undefined ? [] : [`look again at ${plan.wakeAt.toISOString()}`]),
  ];
  const status = show.has("status") ? [`---\n${printYaml({ status: plan.status })}`.trimEnd()] : [];
  const objects = show.has("objects")
    ? plan.objects.map((object) => `---\n${printYaml(object)}`.trimEnd())
    : [];
  return `${[...parts, ...status, ...objects].join("\n")}\n`;
}

function printYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

function describeOrder(order: Order): string {
  const { make, owner: _, ...rest } = order;
  return `${make} ${JSON.stringify(rest)}`;
}

for (const path of globSync(join(FOLDER, "*.txt")).sort()) {
  test(`scenario ${basename(path, ".txt")}`, async () => {
    const text = readFileSync(path, "utf8");
    const [input = "", want = ""] = text.split(SEPARATOR);
    const scenario = parseScenario(input);
    const kind = KINDS.find((candidate) => candidate.kind === scenario.kind);
    const resource = scenario.objects.find(
      (o) =>
        o.kind === scenario.kind &&
        o.metadata.name === scenario.name &&
        o.metadata.namespace === scenario.namespace,
    );
    assert.ok(kind !== undefined && resource !== undefined, `${path} looks at nothing that it has`);
    const got = print(await kind.plan(resource, gather(scenario)), scenario.show);
    if (process.env["UPDATE"] === "1") writeFileSync(path, `${input}${SEPARATOR}${got}`);
    else assert.equal(got, want);
  });
}
