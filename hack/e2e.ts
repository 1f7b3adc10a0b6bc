/**
 * The end-to-end run: a local Kubernetes of its own, the product and the example
 * estate on it, then every test/e2e/*.test.ts in turn. Deletes what it made; a
 * failed run leaves the logs of every pod under .local/logs/e2e.
 *
 *   node --conditions=source hack/e2e.ts [part of a test file's name...]
 *
 *   E2E_KEEP=1   leaves the cluster running, for another run or a look around
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import {
  applyCluster,
  applyPerson,
  applyProxy,
  applyTrust,
  createWebClient,
  keyFiles,
  PROXY_NAMESPACE,
  runKeyHelper,
  signInPerson,
  stopKeyHelper,
  writePrivateFile,
  type EstateOptions,
  type PersonMachine,
  type ProxyAddresses,
} from "@teleport-access/testkit";
import { bundle, bundlePath, ROOT } from "./bundle.ts";
import { collectLogs } from "./collect-logs.ts";
import { ensurePrograms, OPENSSH } from "./debian-packages.ts";
import { buildImages } from "./images.ts";
import { clusterUp, installChart, kubernetes, loadImages, removeProduct, type Cluster } from "./product.ts";
import { terminalProgress, type Progress } from "./progress.ts";

const CLUSTER = "e2e";
const FOLDER = join(ROOT, ".local/e2e");
const LOGS = join(ROOT, ".local/logs/e2e");
const KEEP = process.env["E2E_KEEP"] === "1";

const MACHINE: PersonMachine = {
  user: "alice",
  files: keyFiles(join(FOLDER, "alice")),
  state: join(FOLDER, "state"),
  caFile: join(FOLDER, "web-ca.crt"),
};

async function prepareEstate(progress: Progress, cluster: Cluster): Promise<ProxyAddresses> {
  const options = {
    kubectl: cluster.kubectl,
    nodeAddress: cluster.nodeAddress,
    examples: join(ROOT, "examples"),
  };
  return await progress.step("the example estate", async (now) => {
    const estate: EstateOptions = { ...options, progress: now };
    const addresses = await applyProxy(estate);
    await applyCluster(estate);
    await applyTrust(estate);
    await applyPerson(estate);
    return addresses;
  });
}

async function preparePerson(
  progress: Progress,
  { kubectl }: Cluster,
  { web }: ProxyAddresses,
): Promise<void> {
  const ca = await kubectl.secretValue(PROXY_NAMESPACE, "proxy-tls", "ca.crt");
  writePrivateFile(MACHINE.caFile, ca);
  const client = createWebClient(web, ca);
  const program = join(bundlePath("keyhelper"), "teleport-key-helper.mjs");
  await progress.step("alice enrolled, signed in, her key-helper running", async () => {
    await signInPerson(kubectl, client, MACHINE);
    await runKeyHelper(client, MACHINE, { program, server: web });
  });
}

async function prepare(progress: Progress): Promise<Cluster> {
  ensurePrograms(OPENSSH, progress.fact);
  const cluster = await progress.step("a local Kubernetes", (now) => clusterUp(CLUSTER, now));
  const built = await progress.step("images", (now) => buildImages({ now }));
  await bundle("keyhelper");
  await progress.step("images loaded", (now) => loadImages(cluster, built, now));
  await progress.step("chart installed, operator ready", () => installChart(cluster, built.tag));
  const addresses = await prepareEstate(progress, cluster);
  await preparePerson(progress, cluster, addresses);
  const world = {
    kubeconfig: cluster.kubectl.kubeconfig,
    bin: cluster.bin,
    cluster: cluster.name,
    nodeAddress: cluster.nodeAddress,
    addresses,
    machine: MACHINE,
  };
  writePrivateFile(join(FOLDER, "world.json"), JSON.stringify(world));
  return cluster;
}

/** Runs the test files one after the other, in the order of their names: they share one estate. */
async function runTests(wanted: readonly string[]): Promise<boolean> {
  const files = globSync(join(ROOT, "test/e2e/*.test.ts"))
    .sort()
    .filter((file) => wanted.length === 0 || wanted.some((part) => basename(file).includes(part)));
  if (files.length === 0) throw new Error(`no test file's name contains ${wanted.join(" or ")}`);
  const reporters = ["--test-reporter=spec", `--test-reporter=${join(ROOT, "hack/test-summary.ts")}`];
  const destinations = ["--test-reporter-destination=stdout", "--test-reporter-destination=stdout"];
  const child = spawn(
    process.execPath,
    ["--conditions=source", "--test", "--test-concurrency=1", ...reporters, ...destinations, ...files],
    {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, E2E_WORLD: join(FOLDER, "world.json") },
    },
  );
  const [code] = (await once(child, "close")) as [number | null];
  return code === 0;
}

async function endAll(progress: Progress, cluster: Cluster | undefined, passed: boolean): Promise<void> {
  await stopKeyHelper(MACHINE.files);
  if (cluster !== undefined && passed)
    await progress.step("namespaces and chart deleted", () => removeProduct(cluster));
  await progress.step("the local Kubernetes ended, its data deleted", (now) =>
    kubernetes(CLUSTER, ["purge"], now),
  );
  rmSync(FOLDER, { recursive: true, force: true });
}

async function e2e(progress: Progress, wanted: readonly string[]): Promise<boolean> {
  rmSync(LOGS, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  let cluster: Cluster | undefined;
  let passed = false;
  try {
    cluster = await prepare(progress);
    passed = await runTests(wanted);
  } finally {
    if (!passed) await progress.step(`logs of every pod in ${LOGS}`, () => collectLogs(CLUSTER, LOGS));
    if (!KEEP) await endAll(progress, cluster, passed);
  }
  return passed;
}

const from = performance.now();
try {
  const passed = await e2e(terminalProgress(), process.argv.slice(2));
  console.log(`e2e: ${passed ? "passed" : "FAILED"} in ${((performance.now() - from) / 1000).toFixed(0)} s`);
  process.exitCode = passed ? 0 : 1;
} catch (error) {
  console.error(`e2e: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
