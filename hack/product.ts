/**
 * The product on a local Kubernetes: cluster up, images built and loaded, chart
 * installed. The demo and the end-to-end tests stand on it, each with a cluster
 * of its own name.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { commandOutput, createKubectl, type Kubectl } from "@teleport-access/testkit";
import { ROOT } from "./bundle.ts";
import type { BuiltImages } from "./images.ts";

export const NAMESPACE = "teleport-access";
const KUBERNETES = join(ROOT, "hack/kubernetes");
/** The first build of a Kubernetes from Go modules takes a quarter of an hour. */
const LONGEST_STEP_MS = 40 * 60_000;

export interface Cluster {
  readonly name: string;
  readonly kubectl: Kubectl;
  /** Folder with kubectl and helm. */
  readonly bin: string;
  readonly nodeAddress: string;
}

type Now = (text: string) => void;

/** Runs `hack/kubernetes …`, showing its words as progress; on failure they are the message. */
export async function kubernetes(
  name: string,
  args: readonly string[],
  now: Now = () => undefined,
): Promise<string> {
  const child = spawn(KUBERNETES, [...args], {
    cwd: ROOT,
    env: { ...process.env, CLUSTER_NAME: name },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LONGEST_STEP_MS,
  });
  let output = "";
  const said: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
  createInterface({ input: child.stderr }).on("line", (line) => {
    said.push(line);
    now(line.replace(/^kubernetes: /, ""));
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(said.slice(-15).join("\n") || `hack/kubernetes ${args.join(" ")} failed`);
  return output.trim();
}

/** Starts or completes the cluster. */
export async function clusterUp(name: string, now: Now): Promise<Cluster> {
  await kubernetes(name, ["up"], now);
  const bin = await kubernetes(name, ["bin"]);
  const kubectl = createKubectl(await kubernetes(name, ["kubeconfig"]), join(bin, "kubectl"));
  return { name, kubectl, bin, nodeAddress: await kubernetes(name, ["node-address"]) };
}

/** Loads the images that the cluster does not have yet. */
export async function loadImages(cluster: Cluster, { images, tag }: BuiltImages, now: Now): Promise<void> {
  const node = await cluster.kubectl.run(["get", "nodes", "-o", "jsonpath={.items[0].metadata.uid}"]);
  for (const image of images) {
    // What this node was given; a cluster made anew has a node with another uid.
    const stamp = join(ROOT, ".local/images", `.loaded-${cluster.name}-${image.name}`);
    const wanted = `${node} ${image.id} ${tag}`;
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) continue;
    now(`teleport-access/${image.name}`);
    await kubernetes(cluster.name, ["load", image.archive], now);
    writeFileSync(stamp, wanted);
  }
}

/** Installs or upgrades the chart and waits until the operator is ready. */
export async function installChart(cluster: Cluster, tag: string): Promise<void> {
  const namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
  };
  await cluster.kubectl.apply(JSON.stringify(namespace));
  const chart = join(ROOT, "charts/teleport-access");
  const args = ["upgrade", "--install", "teleport-access", chart, "--namespace", NAMESPACE];
  await commandOutput(
    join(cluster.bin, "helm"),
    [...args, "--set-string", `image.tag=${tag}`, "--wait", "--timeout", "180s"],
    { env: { KUBECONFIG: cluster.kubectl.kubeconfig }, timeoutMs: 200_000 },
  );
}

/** Deletes the estate and the chart, as a person would; the CRDs stay by the chart's keep policy and are deleted last. */
export async function removeProduct(cluster: Cluster): Promise<void> {
  const { kubectl } = cluster;
  const options = { timeoutMs: 130_000 };
  await kubectl.run(["delete", "namespace", "acme", "prod", "--ignore-not-found", "--timeout=120s"], options);
  const env = { KUBECONFIG: kubectl.kubeconfig };
  const args = ["uninstall", "teleport-access", "--namespace", NAMESPACE, "--wait", "--timeout", "60s"];
  await commandOutput(join(cluster.bin, "helm"), args, { env, timeoutMs: 70_000 });
  await kubectl.run(["delete", "namespace", NAMESPACE, "--timeout=60s"], options);
  const crds = (await kubectl.run(["get", "crd", "-o", "name"])).split("\n");
  const ours = crds.filter((name) => name.endsWith(".teleport-access.io"));
  await kubectl.run(["delete", ...ours, "--timeout=60s"], options);
}
