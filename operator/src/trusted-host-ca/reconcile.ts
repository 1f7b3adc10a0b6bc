/** Gathers the facts about a TrustedHostCA. What follows from them is plan.ts's business. */
import type { TrustedHostCA } from "@teleport-access/crd";
import { readReference, type Facts, type KindReconciler } from "../kind.ts";
import { COMPONENT_LABEL } from "../objects.ts";
import type { Plan } from "../plan.ts";
import { referenceOf, type ObjectReference } from "../public-keys.ts";
import { planTrustedHostCa } from "./plan.ts";

export const trustedHostCaKind: KindReconciler<TrustedHostCA> = {
  kind: "TrustedHostCA",
  plural: "trustedhostcas",
  statusFields: ["publicKeys", "fingerprints", "connectedTunnels", "lastConnectTime"],
  references,
  plan,
};

function references({ spec }: TrustedHostCA): ObjectReference[] {
  const reference = spec.publicKeysFrom === undefined ? undefined : referenceOf(spec.publicKeysFrom);
  return reference === undefined ? [] : [reference];
}

async function plan(trust: TrustedHostCA, facts: Facts): Promise<Plan> {
  const namespace = trust.metadata.namespace ?? "";
  const [reference] = references(trust);
  const { clusterRef } = trust.spec;
  const pods = facts.world.pods
    .in(namespace)
    .filter((pod) => pod.metadata.labels?.[COMPONENT_LABEL] === "proxy");
  return planTrustedHostCa({
    trust,
    now: facts.now,
    keySource: reference === undefined ? undefined : await readReference(namespace, reference, facts),
    cluster: clusterRef === undefined ? undefined : facts.world.clusters.get(namespace, clusterRef.name),
    pods: new Set(pods.map((pod) => pod.metadata.name)),
  });
}
