/** What a TeleportProxy is told about itself. Pure. */
import type { TeleportProxy } from "@teleport-access/crd";
import { kubeTime } from "@teleport-access/kube";
import type { Deployment } from "../objects.ts";
import { isTrue, summarize, type PlannedCondition } from "../plan.ts";
import { availability } from "../workload.ts";
import type { Keys } from "./keys.ts";
import { tlsSecretName, userCaSecretName } from "./names.ts";

export function planConditions(
  proxy: TeleportProxy,
  keys: Keys,
  deployment: Deployment | undefined,
): PlannedCondition[] {
  const available = availability("Available", deployment, proxy.spec.replicas);
  const parts = [userCaReady(keys, proxy), tlsReady(keys, proxy), available];
  return [summarizeProxy(parts, keys), ...parts, accessListSynced(deployment)];
}

function summarizeProxy(parts: readonly PlannedCondition[], keys: Keys): PlannedCondition {
  const problem = keys.session.state === "unusable" ? keys.session : keys.obstacle;
  if (problem !== undefined) {
    return { type: "Ready", status: "False", reason: problem.reason, message: problem.message };
  }
  const rollout = parts.find((part) => part.reason === "RolloutInProgress");
  if (rollout !== undefined && parts.every(isTrue)) {
    return { type: "Ready", status: "False", reason: rollout.reason, message: rollout.message };
  }
  return summarize(parts);
}

function userCaReady({ authority }: Keys, proxy: TeleportProxy): PlannedCondition {
  const type = "UserCAReady";
  switch (authority.state) {
    case "ready": {
      const message = `${authority.fingerprint} in Secret ${userCaSecretName(proxy)} signs`;
      return { type, status: "True", reason: authority.reason, message };
    }
    case "to-make":
      return { type, status: "Unknown", reason: "InProgress", message: "the key is being made" };
    case "unusable":
      return { type, status: "False", reason: authority.reason, message: authority.message };
  }
}

const TLS_REASONS = {
  SecretNotFound: "SecretNotFound",
  InvalidCertificate: "InvalidCertificate",
  Expired: "CertificateExpired",
} as const;

function tlsReady({ tls }: Keys, proxy: TeleportProxy): PlannedCondition {
  const type = "TLSReady";
  if (tls.state === "unusable") {
    return { type, status: "False", reason: TLS_REASONS[tls.problem], message: tls.message };
  }
  const until = `good until ${kubeTime(tls.facts.notAfter)}`;
  if (proxy.spec.tls.secretRef !== undefined) {
    return {
      type,
      status: "True",
      reason: "Provided",
      message: `the certificate in ${tlsSecretName(proxy)} is ${until}`,
    };
  }
  return {
    type,
    status: "True",
    reason: "SelfSigned",
    message: `self-made, ${until}; ca.crt in Secret ${tlsSecretName(proxy)} is what browsers and key-helpers need to trust`,
  };
}

/** A proxy pod is ready only while its access list is current, so readiness tells. */
function accessListSynced(deployment: Deployment | undefined): PlannedCondition {
  const { replicas = 0, readyReplicas = 0 } = deployment?.status ?? {};
  const type = "AccessListSynced";
  if (replicas > 0 && readyReplicas >= replicas) {
    return { type, status: "True", reason: "Synced", message: "every proxy pod has a current access list" };
  }
  const message = "not every proxy pod has said yet that its access list is current (readiness says it)";
  return { type, status: "Unknown", reason: "InProgress", message };
}
