/**
 * The live views of one kind: objects in, what decisions read out. An object that cannot be read
 * has no view, and an object that is being deleted has none any more: finalizers of
 * others do not prolong access.
 */
import type { Parsed } from "@teleport-access/access";
import type { KubeObject } from "@teleport-access/crd";
import type { Logger } from "@teleport-access/daemon";
import type { Change } from "@teleport-access/kube";

/** What every view tells about its object. */
export interface ObjectView {
  readonly name: string;
  readonly uid: string;
}

/** What a table is made of. */
export interface ViewTableOptions<V extends ObjectView> {
  readonly kind: string;
  parse(object: KubeObject): Parsed<V>;
  /** What counts as a change: two views with the same text decide the same. */
  essence(view: V): string;
  /** A second name to find views by, such as the user's. */
  group(view: V): string;
  readonly log: Logger;
}

/** The views of one kind, by name and by group. */
export class ViewTable<V extends ObjectView> {
  readonly #options: ViewTableOptions<V>;
  readonly #views = new Map<string, V>();
  readonly #groups = new Map<string, Map<string, V>>();

  constructor(options: ViewTableOptions<V>) {
    this.#options = options;
  }

  get(name: string): V | undefined {
    return this.#views.get(name);
  }

  all(): readonly V[] {
    return [...this.#views.values()];
  }

  inGroup(group: string): readonly V[] {
    const members = this.#groups.get(group);
    return members === undefined ? [] : [...members.values()];
  }

  /** Takes a batch in, in order; returns the names of the objects by which decisions may now come out differently. */
  apply(changes: readonly Change<KubeObject>[]): readonly string[] {
    return changes
      .filter((change) => this.#applyOne(change))
      .map(({ object: { metadata } }) => metadata.name);
  }

  #applyOne({ type, object }: Change<KubeObject>): boolean {
    const { name, uid, deletionTimestamp } = object.metadata;
    const before = this.#views.get(name);
    if (type === "deleted" || deletionTimestamp !== undefined) {
      // A late delete of an older object of this name must not take the newer one away.
      return before !== undefined && before.uid === uid && this.#remove(before);
    }
    const parsed = this.#options.parse(object);
    if (!parsed.ok) {
      this.#options.log.warn("object is not usable and grants nothing", {
        kind: this.#options.kind,
        name,
        reason: parsed.reason,
      });
      return before !== undefined && this.#remove(before);
    }
    return this.#put(parsed.value, before);
  }

  #put(view: V, before: V | undefined): boolean {
    const options = this.#options;
    if (before !== undefined) this.#remove(before);
    this.#views.set(view.name, view);
    const key = options.group(view);
    const members = this.#groups.get(key) ?? new Map<string, V>();
    members.set(view.name, view);
    this.#groups.set(key, members);
    return before?.uid !== view.uid || options.essence(before) !== options.essence(view);
  }

  #remove(view: V): true {
    this.#views.delete(view.name);
    const key = this.#options.group(view);
    const members = this.#groups.get(key);
    members?.delete(view.name);
    if (members?.size === 0) this.#groups.delete(key);
    return true;
  }
}
