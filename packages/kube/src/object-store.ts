/**
 * The live copy of a watched resource, and what each step changed in it. An
 * object that was deleted and made again under the same name is another object:
 * grants are told apart by uid, so a step may yield a deletion and an addition.
 */
import type { KubeObject } from "@teleport-access/crd";

/** One difference between two states of the store. */
export interface Change<T> {
  readonly type: "added" | "updated" | "deleted";
  /** The new state; for a deletion, the last one known. */
  readonly object: T;
  /** The state before, of an update. */
  readonly previous?: T;
}

/** `namespace/name`, or the name alone where there are no namespaces. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Objects by key. Each method changes the copy and returns the changes in the order to handle them in. */
export class ObjectStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>();

  get objects(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  /**
   * Takes over a complete list. Deletions come first: between the two, nobody
   * may hold both what was taken away and what was given instead.
   */
  replaceAll(items: readonly T[]): Change<T>[] {
    const uids = new Map(items.map((item) => [keyOf(item), item.metadata.uid]));
    const deletions: Change<T>[] = [];
    for (const [key, object] of this.#objects) {
      if (uids.has(key) && uids.get(key) === object.metadata.uid) continue;
      this.#objects.delete(key);
      deletions.push({ type: "deleted", object });
    }
    return [...deletions, ...items.flatMap((item) => this.put(item))];
  }

  /** Takes over one object as added or modified. */
  put(object: T): Change<T>[] {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    if (previous === undefined) return [{ type: "added", object }];
    if (previous.metadata.uid !== object.metadata.uid) {
      return [
        { type: "deleted", object: previous },
        { type: "added", object },
      ];
    }
    if (previous.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    return [{ type: "updated", object, previous }];
  }

  /** Removes an object by its key. */
  remove(object: T): Change<T>[] {
    const key = keyOf(object);
    if (!this.#objects.delete(key)) return [];
    return [{ type: "deleted", object }];
  }
}
