/**
 * `make demo`: from nothing to a revoked session, with stock ssh and kubectl, on
 * a local Kubernetes that is left running. May be run again at any time.
 */
import { relative } from "node:path";
import type { Credentials, ProxyAddresses, RevocationTimes } from "@teleport-access/testkit";
import { ROOT } from "./bundle.ts";
import { DEMO_ENV, DEMO_MACHINE, USER, writeDemoEnv } from "./demo-state.ts";
import {
  aroundAnswer,
  DESTINATION,
  LOGIN,
  prepareCluster,
  prepareEstate,
  preparePerson,
  revoke,
  TARGET,
  useSsh,
} from "./demo-steps.ts";
import { idleMemory } from "./idle-memory.ts";
import type { Cluster } from "./product.ts";
import { terminalProgress, type Progress } from "./progress.ts";

interface Outcome {
  readonly cluster: Cluster;
  readonly addresses: ProxyAddresses;
  readonly person: Credentials;
}

function demoFacts({ cluster, addresses, person }: Outcome): Readonly<Record<string, string>> {
  return {
    KUBECONFIG: cluster.kubectl.kubeconfig,
    WEB_URL: addresses.web,
    WEB_CA_FILE: DEMO_MACHINE.caFile,
    SSH_HOST: addresses.sshHost,
    SSH_PORT: addresses.sshPort,
    TUNNEL_PORT: addresses.tunnelPort,
    SSH_CONFIG: DEMO_MACHINE.files.sshConfig,
    KEY_FILE: DEMO_MACHINE.files.key,
    CERT_FILE: DEMO_MACHINE.files.certificate,
    USER_NAME: USER,
    PASSWORD: person.password,
    TOTP_SECRET: person.totpSecret,
    LOGIN,
    TARGET,
  };
}

function here(path: string): string {
  return relative(ROOT, path);
}

function closingWords({ cluster, addresses, person }: Outcome): string {
  return `
The system is running. Try:

  web        ${addresses.web}   (authority: ${here(DEMO_MACHINE.caFile)})
  user       ${USER}
  password   ${person.password}
  TOTP       ${person.totpSecret}
             ${person.otpauthUrl}

  ssh -F ${here(DEMO_MACHINE.files.sshConfig)} ${DESTINATION}

  export KUBECONFIG=${cluster.kubectl.kubeconfig} PATH=${cluster.bin}:$PATH
  kubectl get teleport -A
  kubectl -n acme logs -l app.kubernetes.io/component=proxy --prefix | grep '"audit":true'
  kubectl -n acme delete useraccess alice-prod      # and back: kubectl apply -f examples/acme/alice.yaml

The same facts for scripts: ${here(DEMO_ENV)}. To end it all: make demo-down
`;
}

async function showFigures(progress: Progress, cluster: Cluster, times: RevocationTimes): Promise<void> {
  const memory = await progress.step("idle memory (VmRSS)", () => idleMemory(cluster.kubectl));
  for (const { program, mebibytes, barMebibytes } of memory)
    progress.fact(`${program.padEnd(13)} ${mebibytes.toFixed(0).padStart(4)} MiB (bar: ${barMebibytes} MiB)`);
  progress.fact(`revocation: last byte of the session ${aroundAnswer(times.ackToLastByteMs)}`);
  progress.fact("(the native driver's etcd does not wait for the disk; elsewhere an fsync comes on top)");
}

async function demo(progress: Progress): Promise<void> {
  progress.heading("1. Kubernetes, images, chart");
  const { cluster } = await prepareCluster(progress);
  progress.heading("2. The example estate: namespaces acme (people) and prod (servers)");
  const addresses = await prepareEstate(progress, cluster);
  progress.heading("3. Alice");
  const person = await preparePerson(progress, cluster, addresses);
  progress.heading("4. Stock ssh, scp and sftp through the proxy");
  const ssh = await useSsh(progress, addresses);
  progress.heading("5. Access revoked, and given back");
  const times = await revoke(progress, cluster, ssh);
  progress.heading("6. Figures");
  await showFigures(progress, cluster, times);
  writeDemoEnv(demoFacts({ cluster, addresses, person }));
  process.stdout.write(closingWords({ cluster, addresses, person }));
}

const from = performance.now();
try {
  await demo(terminalProgress());
  console.log(`demo: done in ${((performance.now() - from) / 1000).toFixed(0)} s`);
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
