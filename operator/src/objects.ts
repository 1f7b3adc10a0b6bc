/**
 * The Kubernetes objects that the operator makes or reads: their names, labels
 * and owners. What stands in each object is the manifests.ts of its kind.
 */
import { API_VERSION, type KubeObject, type ObjectMeta, type OwnerReference } from "@teleport-access/crd";
import type { ConfigMap, Deployment, Pod, Secret } from "@teleport-access/kube";
import { OPERATOR_VERSION } from "./version.ts";

/** Who is behind everything with this label: what the operator watches and prunes. */
export const MANAGED_BY = "teleport-access-operator";
export const MANAGED_BY_LABEL = "app.kubernetes.io/managed-by";
export const INSTANCE_LABEL = "app.kubernetes.io/instance";
export const COMPONENT_LABEL = "app.kubernetes.io/component";
/** `<Kind>/<name>` of the resource that a retained Secret was made for: it has no ownerReference. */
export const MADE_FOR_ANNOTATION = "teleport-access.io/made-for";

export type Component = "proxy" | "cluster-agent" | "operator";

/** Any object, as it is sent to or came from the API server. */
export type KubernetesObject = KubeObject;

export type { ConfigMap, Deployment, Pod, Secret };

/** A whole object to apply. */
export interface Manifest extends KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

export interface RoleRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface Role extends KubernetesObject {
  readonly rules?: readonly RoleRule[];
}

/** The resource that objects are made for. */
export interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** Reads the owner facts of a custom resource; throws for one that no API server has stored. */
export function ownerOf(kind: string, resource: KubernetesObject): Owner {
  const { name, namespace, uid } = resource.metadata;
  if (namespace === undefined || uid === undefined)
    throw new TypeError(`${kind} ${name} has no namespace or uid`);
  return { kind, name, namespace, uid };
}

/** What selects the pods of an owner: never the version, which changes with every release. */
export function selectorLabels(instance: string, component: Component): Record<string, string> {
  return {
    "app.kubernetes.io/name": "teleport-access",
    [INSTANCE_LABEL]: instance,
    [COMPONENT_LABEL]: component,
  };
}

/** The labels of everything that the operator makes. */
export function standardLabels(instance: string, component: Component): Record<string, string> {
  return {
    ...selectorLabels(instance, component),
    "app.kubernetes.io/part-of": "teleport-access",
    [MANAGED_BY_LABEL]: MANAGED_BY,
    "app.kubernetes.io/version": OPERATOR_VERSION,
  };
}

export interface ChildOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  /** Outlives its owner: no ownerReference, so that neither garbage collection nor pruning can take it. */
  readonly retain?: boolean;
}

/** The metadata of an object made for `owner`. */
export function childMetadata(
  owner: Owner,
  name: string,
  component: Component,
  options: ChildOptions = {},
): ObjectMeta {
  const { retain = false, annotations = {} } = options;
  const madeFor = { [MADE_FOR_ANNOTATION]: `${owner.kind}/${owner.name}` };
  return {
    name,
    namespace: owner.namespace,
    labels: standardLabels(owner.name, component),
    ...(retain ? { annotations: { ...madeFor, ...annotations } } : {}),
    ...(!retain && Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(retain ? {} : { ownerReferences: [ownerReference(owner)] }),
  };
}

function ownerReference(owner: Owner): OwnerReference {
  return {
    apiVersion: API_VERSION,
    kind: owner.kind,
    name: owner.name,
    uid: owner.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Whether `object` was made for `owner` (this very one, not an earlier one of the same name) and dies with it. */
export function isOwnedBy(object: KubernetesObject, owner: Owner): boolean {
  return (object.metadata.ownerReferences ?? []).some((r) => r.uid === owner.uid);
}

/** Whether the operator made `object`, for `owner` or an earlier one of its name. A foreign object is never written. */
export function isMadeFor(object: KubernetesObject, owner: Owner): boolean {
  const { labels = {}, annotations = {}, ownerReferences = [] } = object.metadata;
  if (labels[MANAGED_BY_LABEL] !== MANAGED_BY) return false;
  if (annotations[MADE_FOR_ANNOTATION] === `${owner.kind}/${owner.name}`) return true;
  return ownerReferences.some((r) => r.kind === owner.kind && r.name === owner.name);
}

/** The text under `key` of a Secret, or undefined when there is none. */
export function secretText(secret: Secret | undefined, key: string): string | undefined {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
}

/** The `data` of a Secret from texts. (`stringData` is write-only: a server-side apply of it never compares equal.) */
export function secretData(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, Buffer.from(text, "utf8").toString("base64")]),
  );
}
