/**
 * What a kind brings to the operator: how its facts are gathered, and the plan
 * drawn from them. The folders of the kinds implement it; reconcile.ts drives it.
 */
import type { Condition, KubeObject } from "@teleport-access/crd";
import type { ConfigMap, Owner, Secret } from "./objects.ts";
import type { Plan } from "./plan.ts";
import type { OperandImage } from "./pod-template.ts";
import type { ObjectReference } from "./public-keys.ts";
import type { OwnPlural, World } from "./world.ts";

/** A resource with the status that all of our kinds have. */
export interface Resource extends KubeObject {
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
}

/** Where a kind gets its facts from. */
export interface Facts {
  readonly world: World;
  readonly now: Date;
  readonly proxyImage: OperandImage;
  readonly agentImage: OperandImage;
  /** A certificate that an order of this pass made for status. */
  readonly madeCertificate: string | undefined;
  /** The Secret as the API server has it now; a foreign one, too. */
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /**
   * A Secret that may have been made for `owner`. Rejects with KUBE_CONFLICT while
   * one of a deleted resource of the same name waits for garbage collection.
   */
  ownSecret(owner: Owner, name: string): Promise<Secret | undefined>;
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
}

export interface KindReconciler<R extends Resource> {
  readonly kind: string;
  readonly plural: OwnPlural;
  /** The top-level fields of status that the operator owns, besides conditions and observedGeneration. */
  readonly statusFields: readonly string[];
  /** Objects that the operator did not make and that the resource depends on. */
  references(resource: R): readonly ObjectReference[];
  /** Gathers the facts and plans. */
  plan(resource: R, facts: Facts): Promise<Plan>;
}

/** Reads a referenced ConfigMap or Secret. */
export function readReference(
  namespace: string,
  reference: ObjectReference,
  facts: Facts,
): Promise<ConfigMap | Secret | undefined> {
  return reference.kind === "Secret"
    ? facts.secret(namespace, reference.name)
    : facts.configMap(namespace, reference.name);
}
