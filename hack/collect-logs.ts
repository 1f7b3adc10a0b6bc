/**
 * What somebody needs to see after a failed run: the logs of every container of
 * every pod, the one before a restart included, all objects of ours, and events.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKubectl, type Kubectl } from "@teleport-access/testkit";
import { kubernetes } from "./product.ts";

interface Pod {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly status: {
    readonly containerStatuses?: readonly { readonly name: string; readonly restartCount: number }[];
  };
}

async function save(kubectl: Kubectl, file: string, args: readonly string[]): Promise<void> {
  const { stdout, stderr } = await kubectl.attempt(args, { timeoutMs: 20_000 });
  writeFileSync(file, stdout + stderr);
}

async function saveLogs(kubectl: Kubectl, folder: string): Promise<void> {
  const { items } = JSON.parse(await kubectl.run(["get", "pods", "-A", "-o", "json"])) as { items: Pod[] };
  for (const { metadata, status } of items) {
    for (const { name: container, restartCount } of status.containerStatuses ?? []) {
      const log = ["-n", metadata.namespace, "logs", metadata.name, "-c", container];
      const file = join(folder, `${metadata.namespace}_${metadata.name}_${container}`);
      await save(kubectl, `${file}.log`, log);
      if (restartCount > 0) await save(kubectl, `${file}.previous.log`, [...log, "--previous"]);
    }
  }
}

/** Writes everything into the folder; what cannot be had is left out, for this runs when something is broken. */
export async function collectLogs(cluster: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  try {
    const bin = await kubernetes(cluster, ["bin"]);
    const kubectl = createKubectl(await kubernetes(cluster, ["kubeconfig"]), join(bin, "kubectl"));
    await save(kubectl, join(folder, "objects.yaml"), ["get", "teleport", "-A", "-o", "yaml"]);
    await save(kubectl, join(folder, "pods.txt"), ["describe", "pods", "-A"]);
    await save(kubectl, join(folder, "events.txt"), ["get", "events", "-A", "--sort-by=.lastTimestamp"]);
    await saveLogs(kubectl, folder);
  } catch (error) {
    writeFileSync(join(folder, "not-collected.txt"), error instanceof Error ? error.message : String(error));
  }
}
