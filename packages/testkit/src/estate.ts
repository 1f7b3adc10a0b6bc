/**
 * The example estate on a Kubernetes, step by step as a platform engineer makes
 * it: examples/ applied in order, public keys carried over from status to spec
 * by kubectl. examples/README.md says the same for people.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Kubectl } from "./kubectl.ts";
import { until } from "./until.ts";

export const PROXY_NAMESPACE = "acme";
export const CLUSTER_NAMESPACE = "prod";

export interface EstateOptions {
  readonly kubectl: Kubectl;
  /** The folder examples/. */
  readonly examples: string;
  /** Where NodePorts answer. */
  readonly nodeAddress: string;
  /** Told about what is being waited for. */
  readonly progress: (text: string) => void;
}

/** What people need to reach the proxy. */
export interface ProxyAddresses {
  readonly web: string;
  readonly sshHost: string;
  readonly sshPort: string;
  readonly tunnelPort: string;
}

const SECONDS = 120;

/** The example with its placeholders filled in; a placeholder that is not there is a mistake of ours. */
export function fillExample(path: string, values: Readonly<Record<string, string>>): string {
  let text = readFileSync(path, "utf8");
  for (const [placeholder, value] of Object.entries(values)) {
    if (!text.includes(placeholder)) throw new Error(`${path} has no placeholder ${placeholder}`);
    text = text.replaceAll(placeholder, value);
  }
  return text;
}

/** The address of the first node. */
export async function nodeAddress(kubectl: Kubectl): Promise<string> {
  const path = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const address = await kubectl.run(["get", "nodes", "-o", `jsonpath=${path}`]);
  if (address === "") throw new Error("the cluster's first node has no InternalIP");
  return address;
}

/** Applies until the API server takes it: right after the chart, a kind may not be served yet. */
async function applySoon(kubectl: Kubectl, yaml: string): Promise<void> {
  const { code, stderr } = await until(
    "the kinds of the chart",
    async () => {
      const result = await kubectl.attempt(["apply", "-f", "-"], { input: yaml });
      return NOT_SERVED_YET.test(result.stderr) ? undefined : result;
    },
    { deadlineMs: 30_000, everyMs: 500 },
  );
  if (code !== 0) throw new Error(stderr.trim());
}

const NOT_SERVED_YET = /no matches for kind|could not find the requested resource/;

export async function applyProxy({
  kubectl,
  examples,
  nodeAddress,
  progress,
}: EstateOptions): Promise<ProxyAddresses> {
  await kubectl.run(["apply", "-f", join(examples, "namespaces.yaml")]);
  const values = { "proxy.example.com": nodeAddress };
  await applySoon(kubectl, fillExample(join(examples, "acme/proxy.yaml"), values));
  progress("waiting for the proxy");
  await kubectl.wait(PROXY_NAMESPACE, "teleportproxy/proxy", "condition=Ready", SECONDS);
  const [web = "", ssh = "", tunnel = ""] = await Promise.all(
    ["web", "ssh", "tunnel"].map((name) =>
      kubectl.field(PROXY_NAMESPACE, "teleportproxy/proxy", `{.spec.publicAddresses.${name}}`),
    ),
  );
  return {
    web,
    sshHost: ssh.slice(0, ssh.lastIndexOf(":")),
    sshPort: ssh.slice(ssh.lastIndexOf(":") + 1),
    tunnelPort: tunnel.slice(tunnel.lastIndexOf(":") + 1),
  };
}

/** The cluster with the proxy's two public keys, then the servers that need its host CA. */
export async function applyCluster({ kubectl, examples, progress }: EstateOptions): Promise<void> {
  const proxy = "teleportproxy/proxy";
  const hostKey = await kubectl.field(PROXY_NAMESPACE, proxy, "{.status.hostKeys[0]}");
  const userCa = await kubectl.field(PROXY_NAMESPACE, proxy, "{.status.userCA.publicKeys[0].key}");
  const keys = { HOST_KEY_OF_PROXY: hostKey, USER_CA_KEY_OF_PROXY: userCa };
  await applySoon(kubectl, fillExample(join(examples, "prod/cluster.yaml"), keys));
  progress("waiting for the cluster's host CA");
  await kubectl.wait(CLUSTER_NAMESPACE, "teleportcluster/prod", "condition=HostCAReady", SECONDS);
  await kubectl.run(["apply", "-f", join(examples, "prod/servers.yaml")]);
}

/** The proxy's trust in the cluster; after it, tunnels are up. */
export async function applyTrust({ kubectl, examples, progress }: EstateOptions): Promise<void> {
  const cluster = "teleportcluster/prod";
  const hostCa = await kubectl.field(CLUSTER_NAMESPACE, cluster, "{.status.hostCA.publicKeys[0].key}");
  const trust = fillExample(join(examples, "acme/trusted-host-ca.yaml"), { HOST_CA_KEY_OF_PROD: hostCa });
  await kubectl.apply(trust);
  progress("waiting for the tunnels");
  await kubectl.wait(CLUSTER_NAMESPACE, cluster, "condition=Ready", SECONDS);
  progress("waiting for the servers web-1 and db-1");
  for (const name of ["web-1", "db-1"])
    await kubectl.wait(CLUSTER_NAMESPACE, `deployment/${name}`, "condition=Available", SECONDS);
}

export async function applyPerson({ kubectl, examples, progress }: EstateOptions): Promise<void> {
  await kubectl.run(["apply", "-f", join(examples, "acme/alice.yaml")]);
  progress("waiting for the person and her grant");
  await kubectl.wait(PROXY_NAMESPACE, "proxyuser/alice", "condition=Ready", SECONDS);
  await kubectl.wait(PROXY_NAMESPACE, "useraccess/alice-prod", "condition=Ready", SECONDS);
}
