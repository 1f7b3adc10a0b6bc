/**
 * Watches on single objects that resources refer to and the operator did not
 * make: a key in somebody's ConfigMap, a TLS Secret. By name, so that the operator
 * never lists what is none of its business.
 */
import type { Logger } from "@teleport-access/daemon";
import { RESOURCES, watchResource, type KubeClient, type Watch } from "@teleport-access/kube";
import type { KubeObject } from "@teleport-access/crd";
import type { Key } from "./dependencies.ts";
import type { ObjectReference } from "./public-keys.ts";

interface Watched {
  readonly watch: Watch<KubeObject>;
  readonly dependents: Set<Key>;
}

export interface ReferenceWatches {
  /** Takes over what the resource `key` refers to now; an empty list ends its watches. */
  set(key: Key, namespace: string, references: readonly ObjectReference[]): void;
  close(): void;
}

export interface ReferenceOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  /** A referenced object changed: look at the resource. */
  changed(key: Key): void;
}

export function watchReferences(options: ReferenceOptions): ReferenceWatches {
  const watched = new Map<string, Watched>();
  const wanted = new Map<Key, ReadonlySet<string>>();

  function open(id: string, namespace: string, { kind, name }: ObjectReference): Watched {
    const ref = kind === "Secret" ? RESOURCES.secrets : RESOURCES.configmaps;
    const dependents = new Set<Key>();
    const watch = watchResource<KubeObject>(options.client, ref, {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      log: options.log,
      onChange(changes) {
        for (const change of changes) forgetData(change.object);
        for (const key of dependents) options.changed(key);
      },
    });
    const entry = { watch, dependents };
    watched.set(id, entry);
    return entry;
  }

  function release(id: string, key: Key): void {
    const entry = watched.get(id);
    entry?.dependents.delete(key);
    if (entry?.dependents.size !== 0) return;
    entry.watch.close();
    watched.delete(id);
  }

  return {
    set(key, namespace, references) {
      const ids = new Map(references.map((r) => [`${namespace}/${r.kind}/${r.name}`, r]));
      for (const id of wanted.get(key) ?? []) if (!ids.has(id)) release(id, key);
      for (const [id, reference] of ids)
        (watched.get(id) ?? open(id, namespace, reference)).dependents.add(key);
      if (ids.size === 0) wanted.delete(key);
      else wanted.set(key, new Set(ids.keys()));
    },
    close() {
      for (const { watch } of watched.values()) watch.close();
      watched.clear();
    },
  };
}

/**
 * Drops the content of a watched Secret or ConfigMap: the operator only wants to
 * know that it changed, and what it does not hold cannot leak from it. (The objects
 * of a watch's store are shared and read-only; this watch has no other reader.)
 */
export function forgetData(object: KubeObject): void {
  delete (object as { data?: unknown }).data;
}
