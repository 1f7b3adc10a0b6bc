/** Gathers the facts about a HostCertificate. What follows from them is plan.ts's business. */
import type { HostCertificate } from "@teleport-access/crd";
import type { Facts, KindReconciler } from "../kind.ts";
import { ownerOf } from "../objects.ts";
import type { Plan } from "../plan.ts";
import { hostCaSecretName } from "../teleport-cluster/names.ts";
import { planHostCertificate } from "./plan.ts";

export const hostCertificateKind: KindReconciler<HostCertificate> = {
  kind: "HostCertificate",
  plural: "hostcertificates",
  statusFields: ["certificate", "serial", "fingerprint", "caFingerprint", "notBefore", "notAfter"],
  // The host CA's Secret, a provided one included, is the TeleportCluster's reference; its status wakes us.
  references: () => [],
  plan,
};

async function plan(certificate: HostCertificate, facts: Facts): Promise<Plan> {
  const owner = ownerOf("HostCertificate", certificate);
  const { clusterRef, secretName } = certificate.spec;
  const cluster = facts.world.clusters.get(owner.namespace, clusterRef.name);
  return planHostCertificate({
    certificate,
    now: facts.now,
    cluster,
    hostCaSecret:
      cluster === undefined ? undefined : await facts.secret(owner.namespace, hostCaSecretName(cluster)),
    secret: secretName === undefined ? undefined : await facts.ownSecret(owner, secretName),
    made: facts.madeCertificate,
  });
}
