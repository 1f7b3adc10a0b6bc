/** Gathers the facts about a UserAccess. What follows from them is plan.ts's business. */
import type { UserAccess } from "@teleport-access/crd";
import type { Facts, KindReconciler } from "../kind.ts";
import type { Plan } from "../plan.ts";
import { planUserAccess } from "./plan.ts";

export const userAccessKind: KindReconciler<UserAccess> = {
  kind: "UserAccess",
  plural: "useraccesses",
  statusFields: ["matchedClusters", "expired"],
  references: () => [],
  plan,
};

function plan(grant: UserAccess, { world, now }: Facts): Promise<Plan> {
  const namespace = grant.metadata.namespace ?? "";
  const user = world.users.get(namespace, grant.spec.userRef.name);
  return Promise.resolve(planUserAccess({ grant, now, user, trusted: world.trusted.in(namespace) }));
}
