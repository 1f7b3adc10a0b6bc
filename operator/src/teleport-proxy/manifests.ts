/** The objects of a TeleportProxy. When they are made is plan.ts's business. */
import { createHash } from "node:crypto";
import type { TeleportProxy } from "@teleport-access/crd";
import { parseDuration } from "@teleport-access/daemon";
import type { ProxyConfig } from "@teleport-access/wire";
import { CA_KEY, CA_PUB } from "../ca/authority.ts";
import { SESSION_KEY_ID_ANNOTATION, SESSION_SECRET } from "../ca/session-key.ts";
import { childMetadata, ownerOf, selectorLabels, type Manifest } from "../objects.ts";
import {
  configMapVolume,
  fieldEnv,
  podTemplate,
  secretVolume,
  type OperandImage,
  type PodVolume,
} from "../pod-template.ts";
import { deployment, networkPolicy, type Workload } from "../workload.ts";
import {
  proxyAccountName,
  proxyConfigMapName,
  publicAddresses,
  sshHostSecretName,
  tlsSecretName,
  userCaConfigMapName,
  userCaSecretName,
  webHost,
} from "./names.ts";

export const WEB_PORT = 8443;
export const SSH_PORT = 3023;
export const TUNNEL_PORT = 3024;
const HEALTH_PORT = 8081;
const CONFIG_DIR = "/etc/teleport-access";

export function proxyWorkload(proxy: TeleportProxy): Workload {
  const { name } = proxy.metadata;
  return {
    owner: ownerOf("TeleportProxy", proxy),
    component: "proxy",
    name,
    accountName: proxyAccountName(name),
    replicas: proxy.spec.replicas,
  };
}

/** `config.json` of the proxy. */
export function proxyConfig(proxy: TeleportProxy): ProxyConfig {
  const { spec } = proxy;
  const addresses = publicAddresses(proxy);
  return {
    name: proxy.metadata.name,
    publicAddresses: addresses,
    certificates: {
      defaultTtlSeconds: parseDuration(spec.certificates.defaultTTL, "spec.certificates.defaultTTL"),
      maxTtlSeconds: parseDuration(spec.certificates.maxTTL, "spec.certificates.maxTTL"),
    },
    web: {
      sessionTtlSeconds: parseDuration(spec.web.sessionTTL, "spec.web.sessionTTL"),
      idleTimeoutSeconds: parseDuration(spec.web.idleTimeout, "spec.web.idleTimeout"),
      terminal: spec.web.terminal === "Enabled",
    },
    authentication: {
      lockout: {
        maxAttempts: spec.authentication.lockout.maxAttempts,
        windowSeconds: parseDuration(
          spec.authentication.lockout.window,
          "spec.authentication.lockout.window",
        ),
      },
      totpIssuer: spec.authentication.totpIssuer ?? webHost(addresses.web),
    },
    revocation: {
      maxStalenessSeconds: parseDuration(spec.revocation.maxStaleness, "spec.revocation.maxStaleness"),
      onStale: spec.revocation.onStale,
    },
    limits: spec.limits,
    proxyProtocolRanges: spec.service.proxyProtocolRanges ?? [],
  };
}

export function proxyConfigMap(proxy: TeleportProxy, sessionKeyId: string): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMetadata(
      ownerOf("TeleportProxy", proxy),
      proxyConfigMapName(proxy.metadata.name),
      "proxy",
      { annotations: { [SESSION_KEY_ID_ANNOTATION]: sessionKeyId } },
    ),
    data: { "config.json": `${JSON.stringify(proxyConfig(proxy), undefined, 2)}\n` },
  };
}

export function userCaConfigMap(proxy: TeleportProxy, keyLines: readonly string[]): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: childMetadata(
      ownerOf("TeleportProxy", proxy),
      userCaConfigMapName(proxy.metadata.name),
      "proxy",
    ),
    data: { [CA_PUB]: keyLines.map((line) => `${line}\n`).join("") },
  };
}

export function proxyService(proxy: TeleportProxy): Manifest {
  const { name } = proxy.metadata;
  const { service } = proxy.spec;
  const { annotations = {} } = service;
  const external = service.type !== "ClusterIP";
  const loadBalancer = {
    ...(service.loadBalancerClass === undefined ? {} : { loadBalancerClass: service.loadBalancerClass }),
    ...(service.loadBalancerSourceRanges === undefined
      ? {}
      : { loadBalancerSourceRanges: service.loadBalancerSourceRanges }),
  };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMetadata(ownerOf("TeleportProxy", proxy), name, "proxy", { annotations }),
    spec: {
      type: service.type,
      selector: selectorLabels(name, "proxy"),
      ports: servicePorts(proxy),
      ...(external ? { externalTrafficPolicy: service.externalTrafficPolicy } : {}),
      ...(service.type === "LoadBalancer" ? loadBalancer : {}),
    },
  };
}

function servicePorts(proxy: TeleportProxy): Record<string, unknown>[] {
  const { ports, nodePorts = {} } = proxy.spec.service;
  return (["web", "ssh", "tunnel"] as const).map((name) => {
    const nodePort = nodePorts[name];
    return {
      name,
      port: ports[name],
      targetPort: name,
      protocol: "TCP",
      ...(nodePort === undefined ? {} : { nodePort }),
    };
  });
}

export function proxyNetworkPolicy(proxy: TeleportProxy): Manifest[] {
  if (proxy.spec.networkPolicy.mode === "Disabled") return [];
  return [networkPolicy(proxyWorkload(proxy), [WEB_PORT, SSH_PORT, TUNNEL_PORT])];
}

/** `restartOn`: what the pods read only at their start; a change replaces them one by one. */
export function proxyDeployment(
  proxy: TeleportProxy,
  operand: OperandImage,
  restartOn: readonly string[],
): Manifest {
  const { name } = proxy.metadata;
  const digest = createHash("sha256").update(JSON.stringify(restartOn)).digest("hex").slice(0, 16);
  const template = podTemplate({
    instance: name,
    component: "proxy",
    serviceAccountName: proxyAccountName(name),
    operand,
    options: proxy.spec.pod,
    annotations: { "teleport-access.io/configuration": digest },
    env: [
      fieldEnv("POD_NAME", "metadata.name"),
      fieldEnv("POD_NAMESPACE", "metadata.namespace"),
      fieldEnv("POD_IP", "status.podIP"),
      { name: "CONFIG_DIR", value: CONFIG_DIR },
    ],
    ports: [
      { name: "web", containerPort: WEB_PORT },
      { name: "ssh", containerPort: SSH_PORT },
      { name: "tunnel", containerPort: TUNNEL_PORT },
      { name: "health", containerPort: HEALTH_PORT },
    ],
    probes: {
      startupProbe: probe("/livez", { periodSeconds: 1, failureThreshold: 60 }),
      readinessProbe: probe("/readyz", { periodSeconds: 2, failureThreshold: 2 }),
      livenessProbe: probe("/livez", { periodSeconds: 5, failureThreshold: 4 }),
    },
    volumes: [
      configMapVolume("config", `${CONFIG_DIR}/config`, proxyConfigMapName(name)),
      userCaVolume(proxy),
      secretVolume("ssh-host", `${CONFIG_DIR}/ssh-host`, sshHostSecretName(name)),
      secretVolume("tls", `${CONFIG_DIR}/tls`, tlsSecretName(proxy)),
      secretVolume("session", `${CONFIG_DIR}/session`, SESSION_SECRET),
    ],
    resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "1Gi" } },
    terminationGracePeriodSeconds: 30,
  });
  return deployment(proxyWorkload(proxy), template);
}

/** A provided Secret has its own key names, and need not hold the public keys: those come from our ConfigMap. */
function userCaVolume(proxy: TeleportProxy): PodVolume {
  const mountPath = `${CONFIG_DIR}/user-ca`;
  const provided = proxy.spec.userCA.existingSecretRef;
  if (provided === undefined) return secretVolume("user-ca", mountPath, userCaSecretName(proxy));
  const secret = { name: provided.name, items: [{ key: provided.key, path: CA_KEY }] };
  const configMap = {
    name: userCaConfigMapName(proxy.metadata.name),
    items: [{ key: CA_PUB, path: CA_PUB }],
  };
  return {
    name: "user-ca",
    mountPath,
    source: { projected: { defaultMode: 0o440, sources: [{ secret }, { configMap }] } },
  };
}

function probe(path: string, timing: Readonly<Record<string, number>>): Record<string, unknown> {
  return {
    httpGet: { path, port: "health", scheme: "HTTP" },
    timeoutSeconds: 3,
    successThreshold: 1,
    ...timing,
  };
}
