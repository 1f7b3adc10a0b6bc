/**
 * Which resources to look at when an object changed. Pure. Level-based: a look
 * too many finds nothing to do, a look too few would be a bug. Left out is what
 * changes often and matters to nobody else, such as the tunnels of a cluster.
 */
import {
  KINDS,
  type KubeObject,
  type TeleportCluster,
  type TeleportProxy,
  type TrustedHostCA,
  type UserAccess,
  type ProxyUser,
} from "@teleport-access/crd";
import type { Change } from "@teleport-access/kube";
import { SESSION_SECRET } from "./ca/session-key.ts";
import { isSame } from "./differences.ts";
import { COMPONENT_LABEL, INSTANCE_LABEL, MADE_FOR_ANNOTATION } from "./objects.ts";
import { isOwn, type OwnPlural, type View, type WatchedPlural, type World } from "./world.ts";

/** A resource to look at. */
export type Key = `${OwnPlural}/${string}/${string}`;

export function keyFor(plural: OwnPlural, object: KubeObject): Key {
  return `${plural}/${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

export interface KeyParts {
  readonly plural: OwnPlural;
  readonly namespace: string;
  readonly name: string;
}

export function parseKey(key: string): KeyParts {
  const [plural = "", namespace = "", name = ""] = key.split("/");
  return { plural: plural as OwnPlural, namespace, name };
}

/** Everything to look at after a change; the object itself when it is one of ours. */
export function affected(plural: WatchedPlural, change: Change<KubeObject>, world: World): Key[] {
  if (!isOwn(plural)) return affectedByChild(plural, change, world);
  return [keyFor(plural, change.object), ...DEPENDENTS[plural](change, world)];
}

type Dependents = (change: Change<KubeObject>, world: World) => Key[];

const DEPENDENTS: Readonly<Record<OwnPlural, Dependents>> = {
  teleportproxies: ofProxy,
  teleportclusters: ofCluster,
  trustedhostcas: ofTrust,
  proxyusers: ofUser,
  useraccesses: ofGrant,
  hostcertificates: () => [],
  keyhelpertokens: () => [],
  loginsessions: () => [],
};

function ofProxy(change: Change<KubeObject>, world: World): Key[] {
  const { name } = change.object.metadata;
  const keys = differs<TeleportProxy>(change, (p) => [
    p.spec.service.ports,
    p.status?.hostKeys,
    p.status?.userCA,
  ]);
  const addresses = differs<TeleportProxy>(change, (p) => [
    p.spec.publicAddresses,
    p.spec.authentication.inviteTTL,
  ]);
  return [
    ...neighbours(change, "teleportclusters", world.clusters, (cluster) => {
      return keys && cluster.spec.proxies.some((proxy) => proxy.proxyRef?.name === name);
    }),
    ...neighbours(change, "proxyusers", world.users, () => addresses),
  ];
}

function ofCluster(change: Change<KubeObject>, world: World): Key[] {
  const { name } = change.object.metadata;
  if (!differs<TeleportCluster>(change, (c) => [c.spec, c.status?.hostCA, c.status?.conditions])) return [];
  return [
    ...neighbours(change, "trustedhostcas", world.trusted, (trust) => trust.spec.clusterRef?.name === name),
    ...neighbours(change, "hostcertificates", world.hostCertificates, (c) => c.spec.clusterRef.name === name),
  ];
}

function ofTrust(change: Change<KubeObject>, world: World): Key[] {
  const counts = differs<TrustedHostCA>(change, (t) => t.status?.conditions);
  const matches = differs<TrustedHostCA>(change, (t) => t.metadata.labels);
  return [
    ...neighbours(change, "teleportproxies", world.proxies, () => counts),
    ...neighbours(change, "useraccesses", world.grants, () => matches),
  ];
}

function ofUser(change: Change<KubeObject>, world: World): Key[] {
  const { name } = change.object.metadata;
  // Each proxy's Role lists the users' Secrets.
  const secrets = differs<ProxyUser>(change, (user) => user.status?.credentialsSecretName);
  const exists = differs<ProxyUser>(change, () => undefined);
  return [
    ...neighbours(change, "teleportproxies", world.proxies, () => secrets),
    ...neighbours(
      change,
      "useraccesses",
      world.grants,
      (grant) => exists && grant.spec.userRef.name === name,
    ),
  ];
}

function ofGrant(change: Change<KubeObject>, world: World): Key[] {
  const user = (change.object as UserAccess).spec.userRef.name;
  const exists = differs<UserAccess>(change, () => undefined);
  return neighbours(change, "proxyusers", world.users, (u) => exists && u.metadata.name === user);
}

/**
 * Whether an object came, went, or changed in what `facet` shows of it. T is for
 * the caller to say: a change of a resource carries objects of its type.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- see above
function differs<T extends KubeObject>(change: Change<KubeObject>, facet: (object: T) => unknown): boolean {
  const { type, object, previous } = change;
  if (type !== "updated" || previous === undefined) return true;
  return !isSame(facet(previous as T), facet(object as T));
}

function neighbours<T extends KubeObject>(
  change: Change<KubeObject>,
  plural: OwnPlural,
  view: View<T>,
  where: (object: T) => boolean,
): Key[] {
  const namespace = change.object.metadata.namespace ?? "";
  return view
    .in(namespace)
    .filter(where)
    .map((object) => keyFor(plural, object));
}

function affectedByChild(plural: WatchedPlural, change: Change<KubeObject>, world: World): Key[] {
  const { object } = change;
  if (plural === "pods") return ofPod(change, world);
  const owners = ownersOf(object);
  if (plural === "secrets" && object.metadata.name === SESSION_SECRET) {
    owners.push(...neighbours(change, "teleportproxies", world.proxies, () => true));
  }
  // An invite is announced once every proxy may read it.
  if (plural === "roles") owners.push(...neighbours(change, "proxyusers", world.users, () => true));
  return [...new Set(owners)];
}

function ownersOf(object: KubeObject): Key[] {
  const { namespace = "", ownerReferences = [], annotations = {} } = object.metadata;
  const [madeForKind = "", madeForName = ""] = (annotations[MADE_FOR_ANNOTATION] ?? "").split("/");
  const references = [...ownerReferences, { kind: madeForKind, name: madeForName }];
  return references.flatMap(({ kind, name }) => {
    const plural = Object.values(KINDS).find((entry) => entry.kind === kind)?.plural;
    return plural === undefined ? [] : [`${plural}/${namespace}/${name}` as const];
  });
}

/** Pods belong to their ReplicaSet; what they belong to here is in their labels. Their status is the Deployment's to tell. */
function ofPod(change: Change<KubeObject>, world: World): Key[] {
  if (!differs<KubeObject>(change, (pod) => pod.metadata.deletionTimestamp)) return [];
  const { namespace = "", labels = {} } = change.object.metadata;
  const instance = labels[INSTANCE_LABEL] ?? "";
  if (labels[COMPONENT_LABEL] !== "proxy") return [`teleportclusters/${namespace}/${instance}`];
  // What a gone proxy pod said of its tunnels is not so any more.
  const trusts = neighbours(change, "trustedhostcas", world.trusted, () => change.type === "deleted");
  return [`teleportproxies/${namespace}/${instance}`, ...trusts];
}
