/**
 * One pass over one resource: gather, plan, make what is missing and plan again,
 * apply, prune, tell. Knows no kind: what is particular to one is in its folder.
 */
import {
  customResource,
  isKubeError,
  isTerminal,
  KubeError,
  RESOURCES,
  TerminalError,
  type KubeClient,
  type ReconcileResult,
} from "@teleport-access/kube";
import { applyObjects, prune, refreshPods, releaseEntries, type Applier } from "./apply.ts";
import { OperatorError } from "./errors.ts";
import type { Facts, KindReconciler, Resource } from "./kind.ts";
import { fulfil } from "./make.ts";
import { ownerOf, type Owner, type Secret } from "./objects.ts";
import type { Plan } from "./plan.ts";
import type { OperandImage } from "./pod-template.ts";
import { FIRST_VISIT, writeStatus, type StatusWriter } from "./status.ts";

/** Orders follow from orders at most this deep: a CA, then a certificate by it, then a look at the result. */
const MAX_ROUNDS = 4;
/** All is looked at once an hour though nothing changed: whatever was missed heals. */
const RESYNC_MS = 3_600_000;
/** A moment to wake at may have passed while the pass ran; never spin. */
const MIN_WAKE_MS = 1_000;

export interface Operator extends Applier, StatusWriter {
  readonly proxyImage: OperandImage;
  readonly agentImage: OperandImage;
  now(): Date;
  /** Spreads resyncs; between 0 and 1. */
  random(): number;
}

/** Brings `resource` to what its spec says. */
export async function reconcile(
  operator: Operator,
  kind: KindReconciler<Resource>,
  resource: Resource,
): Promise<ReconcileResult> {
  const now = operator.now();
  if (resource.status?.conditions === undefined) {
    await writeStatus(operator, kind, resource, { ...FIRST_VISIT, now });
  }
  const owner = ownerOf(kind.kind, resource);
  const settled = await settle(operator, kind, resource, owner);
  await carryOut(operator, kind, settled, owner);
  return { requeueAfterMs: nextLook(settled.plan, operator) };
}

interface Settled {
  readonly resource: Resource;
  readonly plan: Plan;
}

/** Plans, and makes what the plan orders, until it orders nothing. */
async function settle(
  operator: Operator,
  kind: KindReconciler<Resource>,
  first: Resource,
  owner: Owner,
): Promise<Settled> {
  let resource = first;
  let madeCertificate: string | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let plan = await kind.plan(resource, gather(operator, madeCertificate));
    if (plan.orders.some(isIrrevocable)) {
      // Such a key must not come from a stale memory: look at the resource as it is now.
      resource = await readAgain(operator.client, kind, owner);
      plan = await kind.plan(resource, gather(operator, madeCertificate));
    }
    if (plan.orders.length === 0) return { resource, plan };
    for (const order of plan.orders) {
      const made = await fulfil(operator.client, order, operator.now());
      madeCertificate = made.certificate ?? madeCertificate;
      operator.events.record(resource, made.event);
    }
  }
  throw new OperatorError(
    "PLAN_UNSTABLE",
    `${owner.kind} ${owner.namespace}/${owner.name} wants more keys in each round`,
  );
}

function isIrrevocable(order: Plan["orders"][number]): boolean {
  return order.make === "authority" || order.make === "session-key";
}

async function readAgain(
  client: KubeClient,
  kind: KindReconciler<Resource>,
  owner: Owner,
): Promise<Resource> {
  const current: Resource | undefined = await client.get(customResource(kind.plural), owner);
  if (current?.metadata.uid !== owner.uid) {
    throw new KubeError("KUBE_CONFLICT", `${owner.kind} ${owner.namespace}/${owner.name} is gone`);
  }
  return current;
}

async function carryOut(
  operator: Operator,
  kind: KindReconciler<Resource>,
  { resource, plan }: Settled,
  owner: Owner,
): Promise<void> {
  const now = operator.now();
  try {
    const versions = await applyObjects(operator, owner, plan.objects);
    if (plan.complete) await prune(operator, owner, plan);
    await releaseEntries(operator, owner, plan.releases ?? []);
    if (plan.refresh !== undefined) await refreshPods(operator, owner, plan.refresh, versions);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    // People learn of it where they look; what was good before goes on.
    const conditions = [refusal, ...plan.conditions.filter((condition) => condition.type !== "Ready")];
    await writeStatus(operator, kind, resource, { status: plan.status, conditions, now });
    throw isTerminal(error) ? new TerminalError(refusal.message, { cause: error }) : error;
  }
  await writeStatus(operator, kind, resource, { status: plan.status, conditions: plan.conditions, now });
}

/** The condition for a write that a person has to make possible; undefined for what passes by itself. */
function refusalOf(error: unknown): Plan["conditions"][number] | undefined {
  if (error instanceof OperatorError && error.code === "NAME_CONFLICT") {
    return { type: "Ready", status: "False", reason: "NameConflict", message: error.message };
  }
  if (error instanceof KubeError && (isTerminal(error) || isKubeError(error, "KUBE_FORBIDDEN"))) {
    return { type: "Ready", status: "False", reason: "ApplyFailed", message: error.message };
  }
  return undefined;
}

function nextLook(plan: Plan, operator: Operator): number {
  const resync = RESYNC_MS * (1 + operator.random() / 10);
  if (plan.wakeAt === undefined) return resync;
  return Math.min(resync, Math.max(MIN_WAKE_MS, plan.wakeAt.getTime() - operator.now().getTime()));
}

function gather(operator: Operator, madeCertificate: string | undefined): Facts {
  const { client, world, proxyImage, agentImage } = operator;
  function secret(namespace: string, name: string): Promise<Secret | undefined> {
    return client.get(RESOURCES.secrets, { namespace, name });
  }
  return {
    world,
    now: operator.now(),
    proxyImage,
    agentImage,
    madeCertificate,
    secret,
    ownSecret: async (of, name) => rejectRemains(of, await secret(of.namespace, name)),
    configMap: (namespace, name) => client.get(RESOURCES.configmaps, { namespace, name }),
  };
}

/** A Secret of a deleted resource of the same name vanishes soon: to build on it would be to lose it. */
function rejectRemains(owner: Owner, secret: Secret | undefined): Secret | undefined {
  const remains = secret?.metadata.ownerReferences?.some(
    (r) => r.kind === owner.kind && r.name === owner.name && r.uid !== owner.uid,
  );
  if (remains !== true) return secret;
  throw new KubeError(
    "KUBE_CONFLICT",
    `Secret ${owner.namespace}/${secret?.metadata.name ?? ""} waits for garbage collection`,
  );
}
