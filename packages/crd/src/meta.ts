/**
 * The parts that every Kubernetes object has, as far as we read or write them.
 * Everything is read-only: objects in a watch's store are shared by all readers.
 */

/** A reference from an object to the one that it is deleted with. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** `metadata`. What is optional here is absent before the API server has seen the object. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  /** Differs for an object that was deleted and made again under the same name. */
  readonly uid?: string;
  /** Opaque; changes with every write. */
  readonly resourceVersion?: string;
  /** Counts changes of spec. */
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339. Set once deletion was asked for while finalizers remain. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly unknown[];
}

/** Any object that the API server stores. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** An entry of `status.conditions`. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  /** One CamelCase word for why; conditions.ts lists ours. */
  readonly reason: string;
  /** One sentence for people, equal between passes that found the same. */
  readonly message: string;
  /** RFC 3339; changes only with `status`. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

export type ConditionStatus = "True" | "False" | "Unknown";
