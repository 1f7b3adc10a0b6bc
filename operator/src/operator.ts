/**
 * The wiring: watches fill the world and the queue, workers take resources off it.
 * Knows which kinds there are, and nothing about them.
 */
import type { KubeObject } from "@teleport-access/crd";
import { systemClock, type Clock, type Logger } from "@teleport-access/daemon";
import {
  createEventRecorder,
  createWorkQueue,
  runController,
  watchResource,
  type Change,
  type Controller,
  type KubeClient,
  type ReconcileResult,
  type Watch,
  type WorkQueue,
} from "@teleport-access/kube";
import { affected, parseKey, type Key } from "./dependencies.ts";
import { collectExpired, type Expiring } from "./expired.ts";
import { hostCertificateKind } from "./host-certificate/reconcile.ts";
import type { KindReconciler, Resource } from "./kind.ts";
import type { OperatorMetrics } from "./metrics.ts";
import { MANAGED_BY, MANAGED_BY_LABEL } from "./objects.ts";
import type { OperandImage } from "./pod-template.ts";
import { proxyUserKind } from "./proxy-user/reconcile.ts";
import { reconcile, type Operator } from "./reconcile.ts";
import { forgetData, watchReferences, type ReferenceWatches } from "./references.ts";
import { teleportClusterKind } from "./teleport-cluster/reconcile.ts";
import { teleportProxyKind } from "./teleport-proxy/reconcile.ts";
import { trustedHostCaKind } from "./trusted-host-ca/reconcile.ts";
import { userAccessKind } from "./user-access/reconcile.ts";
import {
  CHILD_PLURALS,
  isOwn,
  OWN_PLURALS,
  resourceOf,
  World,
  type OwnPlural,
  type WatchedPlural,
} from "./world.ts";

const KINDS: ReadonlyMap<OwnPlural, KindReconciler<Resource>> = new Map(
  [
    teleportProxyKind,
    teleportClusterKind,
    trustedHostCaKind,
    proxyUserKind,
    userAccessKind,
    hostCertificateKind,
  ].map((kind) => [kind.plural, kind as KindReconciler<Resource>]),
);

/** Who events say they are from. */
const REPORTER = "teleport-access.io/operator";
/** Passes at the same time: they mostly wait for the API server. */
const WORKERS = 4;
/** A running pass may take so long to finish when the operator stops. */
const STOP_GRACE_MS = 20_000;

export interface OperatorOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly metrics: OperatorMetrics;
  /** Name of this process, for events. */
  readonly instance: string;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly proxyImage: OperandImage;
  readonly agentImage: OperandImage;
  readonly clock?: Clock;
}

export interface RunningOperator {
  /** Resources that have not been listed yet. */
  unsynced(): readonly string[];
  stop(): Promise<void>;
}

/** Starts to watch and to reconcile. */
export function startOperator(options: OperatorOptions): RunningOperator {
  const running = new Running(options);
  running.start();
  return running;
}

class Running implements RunningOperator {
  readonly #options: OperatorOptions;
  readonly #clock: Clock;
  readonly #queue: WorkQueue;
  readonly #references: ReferenceWatches;
  readonly #operator: Operator;
  readonly #watches = new Map<string, Watch<KubeObject>>();
  #controller: Controller | undefined;
  #stopping = false;

  constructor(options: OperatorOptions) {
    const { client, log, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#queue = createWorkQueue({ clock });
    this.#references = watchReferences({
      client,
      log,
      changed: (key) => {
        this.#queue.add(key);
      },
    });
    this.#operator = {
      client,
      world: new World(),
      events: createEventRecorder({ client, log, clock, controller: REPORTER, instance: options.instance }),
      proxyImage: options.proxyImage,
      agentImage: options.agentImage,
      now: () => new Date(clock.now()),
      random: Math.random,
      wrote: options.metrics.wrote,
    };
  }

  start(): void {
    const { namespaces, metrics } = this.#options;
    metrics.watchQueue(() => this.#queue.length);
    for (const plural of [...OWN_PLURALS, ...CHILD_PLURALS, "pods"] as const) {
      for (const namespace of namespaces.length === 0 ? [undefined] : namespaces) {
        const name = namespace === undefined ? plural : `${namespace}/${plural}`;
        this.#watches.set(name, this.#watch(plural, namespace));
      }
    }
  }

  unsynced(): readonly string[] {
    return [...this.#watches].filter(([, watch]) => !watch.synced).map(([name]) => name);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const watch of this.#watches.values()) watch.close();
    this.#references.close();
    await this.#controller?.stop(STOP_GRACE_MS);
    await this.#operator.events.settled();
  }

  #watch(plural: WatchedPlural, namespace: string | undefined): Watch<KubeObject> {
    const { client, log } = this.#options;
    return watchResource<KubeObject>(client, resourceOf(plural), {
      ...(namespace === undefined ? {} : { namespace }),
      ...(isOwn(plural) ? {} : { labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` }),
      log,
      clock: this.#clock,
      onChange: (changes) => {
        this.#changed(plural, changes);
      },
      onSync: () => {
        this.#begin();
      },
    });
  }

  #changed(plural: WatchedPlural, changes: readonly Change<KubeObject>[]): void {
    const { world } = this.#operator;
    if (plural === "secrets") for (const { object } of changes) forgetData(object);
    world.apply(plural, changes);
    for (const change of changes) for (const key of affected(plural, change, world)) this.#queue.add(key);
  }

  /** Begins to reconcile once everything is listed: a plan from half a world would make and delete too much. */
  #begin(): void {
    if (this.#controller !== undefined || this.#stopping || this.unsynced().length > 0) return;
    const { log, metrics } = this.#options;
    log.info("caches are complete, reconciling", { waiting: this.#queue.length });
    this.#controller = runController({
      name: "operator",
      queue: this.#queue,
      workers: WORKERS,
      log,
      clock: this.#clock,
      reconcile: (key) => reconcileKey(this.#operator, this.#references, key as Key),
      observe: metrics.observe,
    });
  }
}

async function reconcileKey(
  operator: Operator,
  references: ReferenceWatches,
  key: Key,
): Promise<ReconcileResult | undefined> {
  const { plural, namespace, name } = parseKey(key);
  const resource: Resource | undefined = operator.world.of(plural).get(namespace, name);
  if (resource === undefined || resource.metadata.deletionTimestamp !== undefined) {
    references.set(key, namespace, []);
    return undefined;
  }
  if (plural === "loginsessions" || plural === "keyhelpertokens") {
    return collectExpired(operator.client, plural, resource as unknown as Expiring, operator.now());
  }
  const kind = KINDS.get(plural);
  if (kind === undefined) return undefined;
  references.set(key, namespace, kind.references(resource));
  return reconcile(operator, kind, resource);
}
