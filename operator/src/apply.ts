/**
 * Brings the objects of a plan into being: server-side apply of what differs,
 * deletion of what is not wanted any more, a touch on pods whose files changed.
 */
import type { KubeObject } from "@teleport-access/crd";
import {
  customResource,
  isKubeError,
  KubeError,
  RESOURCES,
  type KubeClient,
  type ResourceRef,
} from "@teleport-access/kube";
import { hashOf, isApplied, withAppliedHash } from "./differences.ts";
import { OperatorError } from "./errors.ts";
import {
  COMPONENT_LABEL,
  INSTANCE_LABEL,
  isOwnedBy,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  type Manifest,
  type Owner,
  type Pod,
} from "./objects.ts";
import { objectId, type Plan, type PodRefresh, type Release } from "./plan.ts";
import { CHILD_PLURALS, childPlural, resourceOf, type World } from "./world.ts";

/** Owns the fields of everything the operator makes. */
export const FIELD_MANAGER = "teleport-access-operator";
/** On pods: which versions of their mounted files the kubelet was told to fetch. */
export const MOUNTED_ANNOTATION = "teleport-access.io/mounted";

export interface Applier {
  readonly client: KubeClient;
  readonly world: World;
  /** Called for each write that changed something. */
  wrote(verb: "apply" | "delete", kind: string): void;
}

/** Applies what differs; the versions of all objects by `Kind/name`. */
export async function applyObjects(
  applier: Applier,
  owner: Owner,
  objects: readonly Manifest[],
): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const object of objects) {
    const current = await applyObject(applier, owner, withAppliedHash(object));
    versions[objectId(object)] = current.metadata.resourceVersion ?? "";
  }
  return versions;
}

async function applyObject(applier: Applier, owner: Owner, manifest: Manifest): Promise<KubeObject> {
  const plural = childPlural(manifest.kind);
  const ref = resourceOf(plural);
  const { name } = manifest.metadata;
  const place = { namespace: owner.namespace, name };
  const known = applier.world.of(plural).get(owner.namespace, name);
  // What is not in the world is either absent or somebody else's: worth a look, once.
  const observed = known ?? (await applier.client.get(ref, place));
  if (observed !== undefined) {
    checkOwner(manifest, observed, owner);
    if (isApplied(manifest, observed)) return observed;
  }
  const applied = await applier.client.apply(ref, manifest, { fieldManager: FIELD_MANAGER });
  applier.wrote("apply", manifest.kind);
  return applied;
}

/** Never takes over an object that belongs to somebody else. */
function checkOwner(manifest: Manifest, observed: KubeObject, owner: Owner): void {
  const controller = observed.metadata.ownerReferences?.find((reference) => reference.controller === true);
  const id = objectId(manifest);
  if (controller === undefined) {
    if (observed.metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY) return;
    throw new OperatorError(
      "NAME_CONFLICT",
      `${id} exists and was not made for this object; rename or delete it`,
    );
  }
  if (controller.uid === owner.uid) return;
  if (controller.kind === owner.kind && controller.name === owner.name) {
    // The remains of a deleted resource of this name: garbage collection is on its way.
    throw new KubeError("KUBE_CONFLICT", `${id} waits for garbage collection`);
  }
  const other = `${controller.kind} ${controller.name}`;
  throw new OperatorError("NAME_CONFLICT", `${id} belongs to ${other}; give one of the two another name`);
}

/** Deletes what `owner` owns and the plan does not know. */
export async function prune(applier: Applier, owner: Owner, plan: Plan): Promise<void> {
  const wanted = new Set([...plan.objects.map(objectId), ...plan.keep]);
  for (const plural of CHILD_PLURALS) {
    const ref = resourceOf(plural);
    for (const object of applier.world.of(plural).in(owner.namespace)) {
      if (isOwnedBy(object, owner) && !wanted.has(`${ref.kind}/${object.metadata.name}`)) {
        await remove(applier, ref, object);
      }
    }
  }
}

async function remove(applier: Applier, ref: ResourceRef, object: KubeObject): Promise<void> {
  const { namespace, name, uid } = object.metadata;
  const deleted = await applier.client.delete(ref, { namespace, name }, uid === undefined ? {} : { uid });
  if (deleted) applier.wrote("delete", ref.kind);
}

/**
 * Touches the pods that mount something with a version they were not told of: the
 * kubelet then looks at their volumes at once instead of within a minute. Best effort.
 */
export async function refreshPods(
  applier: Applier,
  owner: Owner,
  refresh: PodRefresh,
  applied: Readonly<Record<string, string>>,
): Promise<void> {
  const mounted = Object.fromEntries(refresh.mounted.map((id) => [id, applied[id] ?? ""]));
  const digest = hashOf({ ...refresh.versions, ...mounted });
  const pods = applier.world.pods.in(owner.namespace).filter((pod) => needsTouch(pod, refresh, digest));
  await Promise.all(pods.map((pod) => touch(applier, pod, digest)));
}

function needsTouch(pod: Pod, refresh: PodRefresh, digest: string): boolean {
  const { labels = {}, annotations = {}, deletionTimestamp } = pod.metadata;
  return (
    labels[INSTANCE_LABEL] === refresh.instance &&
    labels[COMPONENT_LABEL] === refresh.component &&
    deletionTimestamp === undefined &&
    annotations[MOUNTED_ANNOTATION] !== digest
  );
}

async function touch(applier: Applier, pod: Pod, digest: string): Promise<void> {
  const { namespace, name } = pod.metadata;
  const patch = { metadata: { annotations: { [MOUNTED_ANNOTATION]: digest } } };
  try {
    await applier.client.patch(RESOURCES.pods, { namespace, name }, patch);
  } catch (error) {
    // Gone meanwhile, which is as good.
    if (!isKubeError(error, "KUBE_NOT_FOUND", "KUBE_CONFLICT")) throw error;
  }
}

/** Drops what gone pods wrote. The uid keeps an apply from making an object that is not there any more. */
export async function releaseEntries(
  applier: Applier,
  owner: Owner,
  releases: readonly Release[],
): Promise<void> {
  for (const { kind, name, uid, fieldManager } of releases) {
    const metadata = { name, namespace: owner.namespace, uid };
    try {
      if (kind === "ConfigMap")
        await applier.client.apply(RESOURCES.configmaps, { metadata }, { fieldManager });
      else
        await applier.client.applyStatus(
          customResource("trustedhostcas"),
          { metadata, status: {} },
          { fieldManager },
        );
    } catch (error) {
      // Gone meanwhile, which is as good.
      if (!isKubeError(error, "KUBE_NOT_FOUND", "KUBE_CONFLICT")) throw error;
    }
  }
}
