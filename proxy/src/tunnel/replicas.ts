/**
 * Which pods this proxy has: from the EndpointSlices of its Service. Agents are told, and
 * connect to each of them.
 */
import { RESOURCES, watchResource } from "@teleport-access/kube";
import type { EndpointSlice, KubeClient } from "@teleport-access/kube";
import { MAX_REPLICAS } from "@teleport-access/wire";
import type { Clock, Logger } from "@teleport-access/daemon";

/** What the watch needs. */
export interface ReplicaWatchOptions {
  readonly kube: KubeClient;
  readonly namespace: string;
  /** The name of the Service, which is the TeleportProxy's. */
  readonly service: string;
  /** This pod: it is one of them, whatever the slices say yet. */
  readonly pod: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the set has changed. */
  onChange(replicas: readonly string[]): void;
}

/** The live set. */
export interface ReplicaWatch {
  current(): readonly string[];
  close(): void;
}

/** Starts to watch; until the first answer this pod is all there is. */
export function watchReplicas(options: ReplicaWatchOptions): ReplicaWatch {
  let replicas: readonly string[] = [options.pod];
  const watch = watchResource<EndpointSlice>(options.kube, RESOURCES.endpointslices, {
    namespace: options.namespace,
    labelSelector: `kubernetes.io/service-name=${options.service}`,
    clock: options.clock,
    log: options.log,
    onChange: () => {
      const next = replicasOf([...watch.store.values()], options.pod);
      if (next.join(" ") === replicas.join(" ")) return;
      replicas = next;
      options.onChange(replicas);
    },
  });
  return {
    current: () => replicas,
    close: () => {
      watch.close();
    },
  };
}

/**
 * The pods behind the slices, sorted. A pod that is going is left out (its agents were told to drain); one that is not
 * ready yet is too, until it is. A dual-stack Service has a slice per family with the same pods.
 */
export function replicasOf(slices: readonly EndpointSlice[], ownPod: string): readonly string[] {
  const pods = slices
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false && conditions?.terminating !== true)
    .flatMap(({ targetRef }) => (targetRef?.kind === "Pod" ? (targetRef.name ?? []) : []));
  return [...new Set([ownPod, ...pods])].toSorted().slice(0, MAX_REPLICAS);
}
