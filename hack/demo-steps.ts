/**
 * The parts of the demo, in order. Each can be run again on what an earlier run
 * left: what is there is kept, what is missing is made.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  applyCluster,
  applyPerson,
  applyProxy,
  applyTrust,
  createSshClient,
  createWebClient,
  keepCertificate,
  PROXY_NAMESPACE,
  revokeAndMeasure,
  runKeyHelper,
  signInPerson,
  until,
  waitForCertificate,
  writePrivateFile,
  type Credentials,
  type EstateOptions,
  type ProxyAddresses,
  type RevocationTimes,
  type SshClient,
} from "@teleport-access/testkit";
import { bundle, bundlePath, ROOT } from "./bundle.ts";
import { DEMO_CLUSTER, DEMO_MACHINE, USER } from "./demo-state.ts";
import { ensurePrograms, OPENSSH } from "./debian-packages.ts";
import { buildImages, sizeLine, type BuiltImages } from "./images.ts";
import { clusterUp, installChart, loadImages, type Cluster } from "./product.ts";
import type { Progress } from "./progress.ts";

export const LOGIN = "deploy";
export const TARGET = "web-1.prod";
export const DESTINATION = `${LOGIN}@${TARGET}`;

/** 1. A Kubernetes with the product installed. */
export async function prepareCluster(progress: Progress): Promise<{ cluster: Cluster; built: BuiltImages }> {
  ensurePrograms(OPENSSH, progress.fact);
  const cluster = await progress.step("a local Kubernetes", (now) => clusterUp(DEMO_CLUSTER, now));
  progress.fact(`node ${cluster.nodeAddress}, KUBECONFIG=${cluster.kubectl.kubeconfig}`);
  const built = await progress.step("images, without a Docker daemon", (now) => buildImages({ now }));
  for (const image of built.images) progress.fact(sizeLine(image));
  await progress.step("the key-helper, one file", () => bundle("keyhelper"));
  await progress.step("images loaded", (now) => loadImages(cluster, built, now));
  await progress.step("helm upgrade --install teleport-access, operator ready", () =>
    installChart(cluster, built.tag),
  );
  return { cluster, built };
}

/** 2. The example estate. */
export async function prepareEstate(progress: Progress, cluster: Cluster): Promise<ProxyAddresses> {
  function options(now: (text: string) => void): EstateOptions {
    const { kubectl, nodeAddress } = cluster;
    return { kubectl, nodeAddress, examples: join(ROOT, "examples"), progress: now };
  }
  const addresses = await progress.step("namespaces, TeleportProxy acme/proxy: Ready", (now) =>
    applyProxy(options(now)),
  );
  await progress.step(
    "TeleportCluster prod/prod with the proxy's public keys, servers web-1 and db-1",
    (now) => applyCluster(options(now)),
  );
  await progress.step("TrustedHostCA acme/prod with the host CA's public key: tunnels up", (now) =>
    applyTrust(options(now)),
  );
  await progress.step("ProxyUser alice and UserAccess alice-prod", (now) => applyPerson(options(now)));
  return addresses;
}

/** 3. The person enrolled and signed in, her key-helper running. */
export async function preparePerson(
  progress: Progress,
  cluster: Cluster,
  addresses: ProxyAddresses,
): Promise<Credentials> {
  const ca = await cluster.kubectl.secretValue(PROXY_NAMESPACE, "proxy-tls", "ca.crt");
  writePrivateFile(DEMO_MACHINE.caFile, ca);
  const web = createWebClient(addresses.web, ca);
  const person = await progress.step("alice enrolled with her invite (password, TOTP) and signed in", () =>
    signInPerson(cluster.kubectl, web, DEMO_MACHINE),
  );
  const program = join(bundlePath("keyhelper"), "teleport-key-helper.mjs");
  const certificate = await progress.step("teleport-key-helper running, certificate in its file", () =>
    runKeyHelper(web, DEMO_MACHINE, { program, server: addresses.web }),
  );
  progress.fact(`principals ${certificate.principals.join(", ")}: ${DEMO_MACHINE.files.certificate}`);
  return person;
}

function expect(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** 4. Stock ssh through the proxy. */
export async function useSsh(progress: Progress, addresses: ProxyAddresses): Promise<SshClient> {
  const ssh = createSshClient(DEMO_MACHINE.files.sshConfig);
  const jump = `${USER}@${addresses.sshHost}:${addresses.sshPort}`;
  await progress.step(`ssh -J ${jump} ${DESTINATION}: a command`, () =>
    until(
      "an answer",
      async () => {
        const { code, stdout, stderr } = await ssh.run(DESTINATION, "id -un; cat /etc/hostname", [
          "-J",
          jump,
        ]);
        expect(code === 0, `ssh ended with ${code}: ${stderr.trim()}`);
        return stdout === "deploy\nweb-1\n";
      },
      { deadlineMs: 30_000, everyMs: 500 },
    ),
  );
  await progress.step("a shell on a pty", async () => {
    const typed = await ssh.typeInto(DESTINATION, ["tty", "echo $((6 * 7)) is the answer", "exit 7"]);
    const terminal = /\/dev\/pts\/\d+/.test(typed.stdout) && typed.stdout.includes("42 is the answer");
    expect(terminal && typed.code === 7, `the shell ended with ${typed.code} after:\n${typed.stdout}`);
  });
  for (const program of ["scp", "sftp"] as const)
    await progress.step(`${program} both ways`, () => ssh.copyBothWays(program, DESTINATION));
  return ssh;
}

/** "12 ms after the API server's answer". The session may end before kubectl has the answer. */
export function aroundAnswer(ms: number): string {
  return `${Math.abs(ms).toFixed(0)} ms ${ms < 0 ? "before" : "after"} the API server's answer`;
}

/** 5. Access revoked under a live session, and given back. */
export async function revoke(progress: Progress, cluster: Cluster, ssh: SshClient): Promise<RevocationTimes> {
  const { kubectl } = cluster;
  const session = await progress.step("an ssh session held open, printing", () =>
    ssh.holdStream(DESTINATION),
  );
  const kept = keepCertificate(DEMO_MACHINE.files.sshConfig, DEMO_MACHINE.files.certificate, "kept");
  const times = await progress.step(`kubectl -n ${PROXY_NAMESPACE} delete useraccess alice-prod`, () =>
    revokeAndMeasure(kubectl, { namespace: PROXY_NAMESPACE, object: "useraccess/alice-prod", session }),
  );
  const { ackToLastByteMs, ackToEndMs, commandToEndMs } = times;
  progress.fact(
    `the session's last byte came ${aroundAnswer(ackToLastByteMs)}, its end ${aroundAnswer(ackToEndMs)},`,
  );
  progress.fact(`${commandToEndMs.toFixed(0)} ms after kubectl was started`);
  await progress.step("a new ssh with the still valid certificate: refused", async () => {
    const { code, stderr } = await createSshClient(kept).run(DESTINATION, "true");
    expect(code === 255, `ssh ended with ${code} instead of being refused: ${stderr.trim()}`);
  });
  await progress.step("the certificate file: gone", () =>
    until("its removal", () => !existsSync(DEMO_MACHINE.files.certificate), {
      deadlineMs: 5000,
      everyMs: 20,
    }),
  );
  await progress.step("kubectl apply -f examples/acme/alice.yaml: access is back", async () => {
    await kubectl.run(["apply", "-f", join(ROOT, "examples/acme/alice.yaml")]);
    await waitForCertificate(DEMO_MACHINE.files);
    const { code, stderr } = await ssh.run(DESTINATION, "true");
    expect(code === 0, `ssh ended with ${code}: ${stderr.trim()}`);
  });
  for (const path of [kept, `${DEMO_MACHINE.files.certificate}.kept`]) rmSync(path, { force: true });
  return times;
}
