/**
 * The proxy's own watches: five kinds of its namespace, each over a connection of its
 * own, into the store. The operator is not involved: revocation works without it.
 */
import { customResource, watchResource } from "@teleport-access/kube";
import type { KubeClient, Watch } from "@teleport-access/kube";
import type { KubeObject } from "@teleport-access/crd";
import type { Clock, Logger } from "@teleport-access/daemon";
import { WATCHED_KINDS } from "./store.ts";
import type { FilledAccessStore, WatchedKind } from "./store.ts";

/** What the watches need. */
export interface AccessWatchOptions {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly maxStalenessSeconds: number;
  readonly store: FilledAccessStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Starts them; returns how to stop. */
export function startAccessWatches(options: AccessWatchOptions): () => void {
  const watches = WATCHED_KINDS.map((kind) => startWatch(kind, options));
  return () => {
    for (const watch of watches) watch.close();
  };
}

function startWatch(kind: WatchedKind, options: AccessWatchOptions): Watch<KubeObject> {
  const { kube, namespace, store, clock, log } = options;
  return watchResource<KubeObject>(kube, customResource(kind), {
    namespace,
    maxStalenessMs: options.maxStalenessSeconds * 1000,
    clock,
    log,
    onChange: (changes) => {
      store.apply(kind, changes);
    },
    onSync: () => {
      store.markSynced(kind);
    },
    onProof: (now) => {
      store.proved(kind, now);
    },
  });
}
