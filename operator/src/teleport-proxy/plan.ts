/**
 * What a TeleportProxy should be: pure. Where the facts come from and how the
 * plan is carried out: reconcile.ts here and in the parent folder.
 */
import type { ProxyUser, TrustedHostCA } from "@teleport-access/crd";
import { kubeTime } from "@teleport-access/kube";
import { authorityStatus, keysInForce, type PublishedKey } from "../ca/authority.ts";
import { isUnmarked, SESSION_SECRET } from "../ca/session-key.ts";
import { ownerOf, type Deployment } from "../objects.ts";
import { objectId, wake, type Order, type Plan } from "../plan.ts";
import type { OperandImage } from "../pod-template.ts";
import type { WebTlsState } from "../tls/web-tls.ts";
import { account, disruptionBudget, workloadStatus } from "../workload.ts";
import { proxyRules } from "./access-role.ts";
import { planConditions } from "./conditions.ts";
import { canStart, inspectKeys, isForeign, tlsNames, type KeyInput, type Keys } from "./keys.ts";
import {
  proxyConfigMap,
  proxyDeployment,
  proxyNetworkPolicy,
  proxyService,
  proxyWorkload,
  userCaConfigMap,
} from "./manifests.ts";
import {
  proxyConfigMapName,
  publicAddresses,
  sshHostSecretName,
  tlsAuthoritySecretName,
  tlsSecretName,
  userCaConfigMapName,
  userCaSecretName,
} from "./names.ts";

export interface TeleportProxyInput extends KeyInput {
  readonly operand: OperandImage;
  readonly deployment: Deployment | undefined;
  readonly users: readonly ProxyUser[];
  readonly trusted: readonly TrustedHostCA[];
}

export function planTeleportProxy(input: TeleportProxyInput): Plan {
  const keys = inspectKeys(input);
  const publicKeys = keysInForce(keys.authority, keys.memory);
  const objects = publicKeys === undefined ? [] : planObjects(input, keys, publicKeys);
  return {
    orders: planOrders(input, keys),
    objects,
    keep: [
      `Secret/${userCaSecretName(input.proxy)}`,
      `Secret/${sshHostSecretName(input.proxy.metadata.name)}`,
      `Secret/${tlsSecretName(input.proxy)}`,
      `Secret/${tlsAuthoritySecretName(input.proxy.metadata.name)}`,
      `Secret/${SESSION_SECRET}`,
    ],
    complete: objects.some((object) => object.kind === "Deployment"),
    refresh: {
      instance: input.proxy.metadata.name,
      component: "proxy",
      versions: mountedVersions(input),
      mounted: objects.filter((object) => object.kind === "ConfigMap").map(objectId),
    },
    status: planStatus(input, keys),
    conditions: planConditions(input.proxy, keys, input.deployment),
    ...wake(keys.tls.state === "good" ? nextTlsLook(input, keys.tls) : undefined),
  };
}

function planOrders(input: TeleportProxyInput, keys: Keys): Order[] {
  const { proxy } = input;
  const owner = ownerOf("TeleportProxy", proxy);
  const { name } = proxy.metadata;
  const orders: Order[] = [];
  if (keys.authority.state === "to-make") {
    orders.push({
      make: "authority",
      owner,
      component: "proxy",
      secretName: userCaSecretName(proxy),
      algorithm: proxy.spec.userCA.algorithm,
      retain: proxy.spec.userCA.deletionPolicy === "Retain",
      comment: `teleport-access user CA of ${owner.namespace}/${name}`,
    });
  }
  if (keys.session.state === "to-make") orders.push({ make: "session-key", owner });
  orders.push(...planAdoptions(input, keys));
  if (input.sshHostSecret === undefined) {
    // Not a CA: what a pin protects fails closed, and agents say why. So a lost one is made again, loudly.
    orders.push({
      make: "ssh-host-key",
      owner,
      component: "proxy",
      secretName: sshHostSecretName(name),
      comment: `proxy ${owner.namespace}/${name}`,
      replaces: (proxy.status?.hostKeys ?? []).length > 0,
    });
  }
  if (keys.tlsDue && keys.obstacle === undefined) {
    orders.push({
      make: "web-tls",
      owner,
      secretName: tlsSecretName(proxy),
      authoritySecretName: tlsAuthoritySecretName(name),
      names: tlsNames(proxy),
    });
  }
  return orders;
}

/** Keys that a person restored by hand get the operator's mark back. */
function planAdoptions(input: TeleportProxyInput, keys: Keys): Order[] {
  const owner = ownerOf("TeleportProxy", input.proxy);
  const { userCaSecret, sessionSecret } = input;
  const userCa =
    keys.authority.state === "ready" && isForeign(userCaSecret, keys.authority.reason === "Provided", owner);
  const session = keys.session.state === "ready" && sessionSecret !== undefined && isUnmarked(sessionSecret);
  const names = [...(userCa ? [userCaSecretName(input.proxy)] : []), ...(session ? [SESSION_SECRET] : [])];
  return names.map((secretName) => ({ make: "adoption", owner, component: "proxy", secretName }));
}

function planObjects(
  input: TeleportProxyInput,
  keys: Keys,
  publicKeys: readonly PublishedKey[],
): Plan["objects"] {
  const { proxy, operand } = input;
  const workload = proxyWorkload(proxy);
  const always = [
    userCaConfigMap(
      proxy,
      publicKeys.map((k) => k.key),
    ),
    ...account(workload, proxyRules(input.users), proxy.spec.pod.serviceAccountAnnotations),
    proxyService(proxy),
    ...proxyNetworkPolicy(proxy),
  ];
  // Pods of a first rollout wait until all they mount is there: the kubelet would
  // try again only minutes later. What runs already goes on whatever was lost.
  if (input.deployment === undefined && !canStart(keys)) return always;
  const id = sessionKeyId(input, keys);
  const config = proxyConfigMap(proxy, id);
  const restartOn = [JSON.stringify(config["data"]), keys.hostKey?.fingerprint ?? "", id];
  const budget = proxy.spec.podDisruptionBudget.mode === "Auto" ? disruptionBudget(workload) : [];
  return [...always, config, ...budget, proxyDeployment(proxy, operand, restartOn)];
}

/** While the session key is lost, the memory of it must stay as it is. */
function sessionKeyId(input: TeleportProxyInput, keys: Keys): string {
  if (keys.session.state === "ready") return keys.session.id;
  const own = input.configs.find(
    (config) => config.metadata.name === proxyConfigMapName(input.proxy.metadata.name),
  );
  return own?.metadata.annotations?.["teleport-access.io/session-key-id"] ?? "";
}

function mountedVersions(input: TeleportProxyInput): Record<string, string> {
  const mounted = [input.userCaSecret, input.sshHostSecret, input.tlsSecret, input.sessionSecret];
  return Object.fromEntries(
    mounted.flatMap((secret) =>
      secret === undefined ? [] : [[`Secret/${secret.metadata.name}`, secret.metadata.resourceVersion ?? ""]],
    ),
  );
}

function planStatus(input: TeleportProxyInput, keys: Keys): Record<string, unknown> {
  const { proxy } = input;
  const trusted = input.trusted.filter((t) => hasTrue(t, "Ready"));
  return {
    userCA: authorityStatus({
      authority: keys.authority,
      memory: keys.memory,
      secretName: userCaSecretName(proxy),
      configMapName: userCaConfigMapName(proxy.metadata.name),
      request: proxy.spec.userCA.rotation.request,
      observedRequest: proxy.status?.userCA?.rotation?.observedRequest,
    }),
    proxy: workloadStatus(input.deployment),
    ...(keys.hostKey === undefined ? {} : { hostKeys: [keys.hostKey.line] }),
    ...(keys.tls.state === "good"
      ? {
          tls: {
            fingerprintSHA256: keys.tls.facts.fingerprintSHA256,
            notAfter: kubeTime(keys.tls.facts.notAfter),
            selfSigned: proxy.spec.tls.secretRef === undefined,
          },
        }
      : {}),
    endpoints: publicAddresses(proxy),
    trustedClusters: trusted.length,
    connectedClusters: trusted.filter((t) => hasTrue(t, "Connected")).length,
  };
}

function hasTrue(trust: TrustedHostCA, type: string): boolean {
  return (trust.status?.conditions ?? []).some((c) => c.type === type && c.status === "True");
}

/** A self-made certificate is looked at when it is due, a provided one when it ends. */
function nextTlsLook(input: TeleportProxyInput, tls: Extract<WebTlsState, { state: "good" }>): Date {
  return input.proxy.spec.tls.secretRef === undefined ? tls.facts.renewAt : tls.facts.notAfter;
}
