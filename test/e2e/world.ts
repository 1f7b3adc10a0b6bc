/**
 * The running estate that hack/e2e.ts prepared, as the tests see it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  commandOutput,
  createKubectl,
  createSshClient,
  createWebClient,
  until,
  waitForCertificate,
  type Kubectl,
  type PersonMachine,
  type ProxyAddresses,
  type RunningCommand,
  type SshClient,
  type WebClient,
} from "@teleport-access/testkit";

interface WorldFile {
  readonly kubeconfig: string;
  readonly bin: string;
  readonly cluster: string;
  readonly nodeAddress: string;
  readonly addresses: ProxyAddresses;
  readonly machine: PersonMachine;
}

const path = process.env["E2E_WORLD"];
if (path === undefined) throw new Error("E2E_WORLD is not set: run the tests with npm run e2e");
const world = JSON.parse(readFileSync(path, "utf8")) as WorldFile;

export const ROOT: string = join(import.meta.dirname, "../..");
export const { machine, addresses, nodeAddress } = world;
export const kubectl: Kubectl = createKubectl(world.kubeconfig, join(world.bin, "kubectl"));
export const ssh: SshClient = createSshClient(machine.files.sshConfig);
export const DESTINATION = "deploy@web-1.prod";
export const GRANT = "useraccess/alice-prod";

export const keyHelperProgram: string = join(ROOT, ".local/bundle/keyhelper/teleport-key-helper.mjs");

export function webClient(): WebClient {
  return createWebClient(addresses.web, readFileSync(machine.caFile, "utf8"));
}

/** `hack/kubernetes …` on this cluster. */
export async function kubernetes(...args: string[]): Promise<string> {
  const env = { CLUSTER_NAME: world.cluster };
  return await commandOutput(join(ROOT, "hack/kubernetes"), args, { env, timeoutMs: 120_000 });
}

/** Makes sure alice has her grant and a certificate, whatever a test before left. */
export async function grantAccess(): Promise<void> {
  await kubectl.run(["apply", "-f", join(ROOT, "examples/acme/alice.yaml")]);
  await kubectl.wait("acme", GRANT, "condition=Ready", 30);
  await waitForCertificate(machine.files);
  await until("ssh works", async () => (await ssh.run(DESTINATION, "true")).code === 0, {
    deadlineMs: 20_000,
  });
}

/** The session still prints, now. */
export async function assertAlive(session: RunningCommand): Promise<void> {
  const before = performance.now();
  await until("output of the session", () => (session.lastOutputAt() ?? 0) > before, {
    deadlineMs: 5000,
    everyMs: 20,
  });
  assert.equal(session.exitedAt(), undefined);
}

export interface AuditLine {
  readonly audit?: boolean;
  readonly event?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly user?: string;
  readonly cluster?: string;
  readonly target?: string;
  readonly time?: string;
  readonly elapsedMs?: number;
  readonly grant?: { readonly name: string; readonly uid: string };
}

function parseLine(line: string): AuditLine | undefined {
  try {
    const parsed = JSON.parse(line) as AuditLine;
    return parsed.audit === true ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Every audit line of every proxy pod since a moment. */
export async function auditSince(since: Date): Promise<readonly AuditLine[]> {
  const pods = ["-n", "acme", "logs", "-l", "app.kubernetes.io/component=proxy", "--tail=-1"];
  const log = await kubectl.run([...pods, `--since-time=${since.toISOString()}`]);
  return log.split("\n").flatMap((line) => parseLine(line) ?? []);
}

/** Waits for an audit line that has these fields; the failure lists what there was. */
export async function expectAudit(since: Date, want: AuditLine): Promise<AuditLine> {
  let seen: readonly AuditLine[] = [];
  const wanted = Object.entries(want);
  try {
    return await until(
      "the audit line",
      async () => {
        seen = await auditSince(since);
        return seen.find((line) => wanted.every(([name, value]) => line[name as keyof AuditLine] === value));
      },
      { deadlineMs: 8000, everyMs: 250 },
    );
  } catch (cause) {
    throw new Error(
      `no audit line has ${JSON.stringify(want)}; there were:\n${seen.map((l) => JSON.stringify(l)).join("\n")}`,
      {
        cause,
      },
    );
  }
}

/** Runs a few lines of JavaScript in a pod of the product: its images have no shell, but Node. */
export async function nodeInPod(namespace: string, pod: string, script: string): Promise<string> {
  return await kubectl.run(["-n", namespace, "exec", pod, "--", "/usr/bin/node", "-e", script]);
}
