/**
 * The operator's copy of the API server: its own kinds, and the objects that it
 * made (by label). Fed by watches (operator.ts) or, in tests, by hand.
 *
 * Secrets are here with their metadata only; who needs their content reads them
 * at that moment, so that no key lies about in memory.
 */
import type {
  CustomResources,
  HostCertificate,
  KubeObject,
  ProxyUser,
  TeleportCluster,
  TeleportProxy,
  TrustedHostCA,
  UserAccess,
} from "@teleport-access/crd";
import {
  customResource,
  RESOURCES,
  type Change,
  type OpaqueObject,
  type ResourceRef,
} from "@teleport-access/kube";
import type { ConfigMap, Deployment, Pod, Role } from "./objects.ts";

export type OwnPlural = keyof CustomResources;
export type ChildPlural = Exclude<
  keyof typeof RESOURCES,
  "namespaces" | "pods" | "endpointslices" | "leases" | "events"
>;

/** The kinds whose objects have a spec for the operator to read. */
export const OWN_PLURALS: readonly OwnPlural[] = [
  "teleportproxies",
  "teleportclusters",
  "trustedhostcas",
  "proxyusers",
  "useraccesses",
  "hostcertificates",
  "keyhelpertokens",
  "loginsessions",
];

/** The built-in kinds of which the operator makes objects; the order in which they are made. */
export const CHILD_PLURALS: readonly ChildPlural[] = [
  "serviceaccounts",
  "roles",
  "rolebindings",
  "secrets",
  "configmaps",
  "services",
  "networkpolicies",
  "poddisruptionbudgets",
  "deployments",
];

export type WatchedPlural = OwnPlural | ChildPlural | "pods";

/** The reference of a watched resource. */
export function resourceOf(plural: WatchedPlural): ResourceRef {
  return isOwn(plural) ? customResource(plural) : RESOURCES[plural];
}

export function isOwn(plural: WatchedPlural): plural is OwnPlural {
  return (OWN_PLURALS as readonly WatchedPlural[]).includes(plural);
}

const CHILD_KINDS: ReadonlyMap<string, ChildPlural> = new Map(
  CHILD_PLURALS.map((plural) => [RESOURCES[plural].kind, plural]),
);

/** The resource of a kind that the operator makes. */
export function childPlural(kind: string): ChildPlural {
  const plural = CHILD_KINDS.get(kind);
  if (plural === undefined) throw new TypeError(`the operator makes no ${kind}`);
  return plural;
}

/** Objects by namespace and name. */
export class World {
  readonly #objects = new Map<WatchedPlural, Map<string, Map<string, KubeObject>>>();

  /** Takes over what a watch delivered. */
  apply(plural: WatchedPlural, changes: readonly Change<KubeObject>[]): void {
    for (const { type, object } of changes) {
      if (type === "deleted") this.#namespace(plural, object).delete(object.metadata.name);
      else this.#namespace(plural, object).set(object.metadata.name, object);
    }
  }

  /** Takes over what a write returned, unless the watch has delivered something newer. */
  remember(plural: OwnPlural, written: KubeObject): void {
    const objects = this.#namespace(plural, written);
    const known = objects.get(written.metadata.name);
    if (known === undefined || known.metadata.uid !== written.metadata.uid) return;
    if (versionOf(written) > versionOf(known)) objects.set(written.metadata.name, written);
  }

  get proxies(): View<TeleportProxy> {
    return this.#view("teleportproxies");
  }

  get clusters(): View<TeleportCluster> {
    return this.#view("teleportclusters");
  }

  get trusted(): View<TrustedHostCA> {
    return this.#view("trustedhostcas");
  }

  get users(): View<ProxyUser> {
    return this.#view("proxyusers");
  }

  get grants(): View<UserAccess> {
    return this.#view("useraccesses");
  }

  get hostCertificates(): View<HostCertificate> {
    return this.#view("hostcertificates");
  }

  get configMaps(): View<ConfigMap> {
    return this.#view("configmaps");
  }

  get deployments(): View<Deployment> {
    return this.#view("deployments");
  }

  get roles(): View<Role> {
    return this.#view("roles");
  }

  get pods(): View<Pod> {
    return this.#view("pods");
  }

  /** Any watched resource, as what all objects have in common. */
  of(plural: WatchedPlural): View<OpaqueObject> {
    return this.#view(plural);
  }

  #namespace(plural: WatchedPlural, object: KubeObject): Map<string, KubeObject> {
    const namespaces = getOrAdd(this.#objects, plural, () => new Map<string, Map<string, KubeObject>>());
    return getOrAdd(namespaces, object.metadata.namespace ?? "", () => new Map<string, KubeObject>());
  }

  /** The watch of a resource delivers objects of its type: this is where that is said to the compiler. */
  #view<T extends KubeObject>(plural: WatchedPlural): View<T> {
    const namespaces = this.#objects.get(plural);
    return {
      get: (namespace, name) => namespaces?.get(namespace)?.get(name) as T | undefined,
      in: (namespace) => [...(namespaces?.get(namespace)?.values() ?? [])] as T[],
    };
  }
}

/** The objects of one resource. */
export interface View<T> {
  get(namespace: string, name: string): T | undefined;
  in(namespace: string): readonly T[];
}

/** Versions of one resource are comparable as numbers (guaranteed since Kubernetes 1.35, true of etcd before). */
function versionOf(object: KubeObject): bigint {
  const version = object.metadata.resourceVersion ?? "";
  return /^\d+$/.test(version) ? BigInt(version) : 0n;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
