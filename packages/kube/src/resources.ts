/**
 * Which resources there are, and the URL paths they live at. A ResourceRef
 * carries the TypeScript type of its objects, so that `get` and `list` need no cast.
 */
import { GROUP, KINDS, VERSION, type CustomResources, type KubeObject } from "@teleport-access/crd";
import type {
  ConfigMap,
  Deployment,
  EndpointSlice,
  Lease,
  OpaqueObject,
  Pod,
  Secret,
  Service,
} from "./core-objects.ts";
import { KubeError } from "./errors.ts";

/** A resource of the API server, and the type of its objects. */
export interface ResourceRef<T extends KubeObject = KubeObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  /** Absent means true. */
  readonly namespaced?: boolean;
  /** Never there; it holds the type. */
  readonly objects?: T;
}

/** The apiVersion of a resource's objects. */
export function apiVersionOf(ref: ResourceRef): string {
  return ref.group === "" ? ref.version : `${ref.group}/${ref.version}`;
}

/** One of our own kinds, by its plural. */
export function customResource<P extends keyof CustomResources>(plural: P): ResourceRef<CustomResources[P]> {
  const entry = Object.values(KINDS).find((kind) => kind.plural === plural);
  return { group: GROUP, version: VERSION, plural, kind: entry?.kind ?? plural };
}

/** The built-in resources that we use. */
export const RESOURCES: {
  readonly namespaces: ResourceRef<OpaqueObject>;
  readonly secrets: ResourceRef<Secret>;
  readonly configmaps: ResourceRef<ConfigMap>;
  readonly pods: ResourceRef<Pod>;
  readonly services: ResourceRef<Service>;
  readonly serviceaccounts: ResourceRef<OpaqueObject>;
  readonly endpointslices: ResourceRef<EndpointSlice>;
  readonly deployments: ResourceRef<Deployment>;
  readonly roles: ResourceRef<OpaqueObject>;
  readonly rolebindings: ResourceRef<OpaqueObject>;
  readonly networkpolicies: ResourceRef<OpaqueObject>;
  readonly poddisruptionbudgets: ResourceRef<OpaqueObject>;
  readonly leases: ResourceRef<Lease>;
  readonly events: ResourceRef<OpaqueObject>;
} = {
  namespaces: { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false },
  secrets: { group: "", version: "v1", plural: "secrets", kind: "Secret" },
  configmaps: { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" },
  pods: { group: "", version: "v1", plural: "pods", kind: "Pod" },
  services: { group: "", version: "v1", plural: "services", kind: "Service" },
  serviceaccounts: { group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount" },
  endpointslices: {
    group: "discovery.k8s.io",
    version: "v1",
    plural: "endpointslices",
    kind: "EndpointSlice",
  },
  deployments: { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" },
  roles: { group: "rbac.authorization.k8s.io", version: "v1", plural: "roles", kind: "Role" },
  rolebindings: {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural: "rolebindings",
    kind: "RoleBinding",
  },
  networkpolicies: {
    group: "networking.k8s.io",
    version: "v1",
    plural: "networkpolicies",
    kind: "NetworkPolicy",
  },
  poddisruptionbudgets: {
    group: "policy",
    version: "v1",
    plural: "poddisruptionbudgets",
    kind: "PodDisruptionBudget",
  },
  leases: { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" },
  events: { group: "events.k8s.io", version: "v1", plural: "events", kind: "Event" },
};

/** Where an object or a list of objects is. */
export interface Place {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

function segment(name: string): string {
  // Encoding leaves dots alone, and a name of dots only would climb up the path.
  if (name === "" || name === "." || name === "..") {
    throw new KubeError("KUBE_BAD_REQUEST", `${JSON.stringify(name)} is not a name`);
  }
  return encodeURIComponent(name);
}

/** The URL path. Names are encoded, so that no name leads to another place. */
export function pathOf(ref: ResourceRef, place: Place): string {
  const root = ref.group === "" ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const parts = [root];
  if (ref.namespaced !== false && place.namespace !== undefined) {
    parts.push("namespaces", segment(place.namespace));
  }
  parts.push(ref.plural);
  if (place.name !== undefined) parts.push(segment(place.name));
  if (place.subresource !== undefined) parts.push(place.subresource);
  return parts.join("/");
}

/** How messages call it: `useraccesses acme/alice-prod`. */
export function describePlace(ref: ResourceRef, place: Place): string {
  const name = [place.namespace, place.name].filter((part) => part !== undefined).join("/");
  const resource = place.subresource === undefined ? ref.plural : `${ref.plural}/${place.subresource}`;
  return name === "" ? resource : `${resource} ${name}`;
}
