/**
 * One person's machine against a running proxy: enrolled once, signed in, with a
 * key-helper that goes on running. What an earlier run left is used again: the
 * password and the TOTP secret stand in a state file that only its owner reads.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseCertificateLine, type Certificate } from "@teleport-access/sshcert";
import { PROXY_NAMESPACE } from "./estate.ts";
import {
  ensureKey,
  keyHelperLog,
  runningKeyHelper,
  startKeyHelper,
  stopKeyHelper,
  type KeyFiles,
} from "./key-helper-process.ts";
import type { Kubectl } from "./kubectl.ts";
import { enrol, readInvite, signIn, type Credentials } from "./person.ts";
import { until } from "./until.ts";
import { WebApiError, type WebClient } from "./web-client.ts";

export interface PersonMachine {
  /** The ProxyUser's name. */
  readonly user: string;
  readonly files: KeyFiles;
  /** Where the state is kept. */
  readonly state: string;
  /** The authority of the proxy's web port. */
  readonly caFile: string;
}

export interface MachineState {
  readonly credentials?: Credentials;
  /** The key-helper's token. */
  readonly token?: string;
}

/** Empty when there is none, or when it is not whole. */
export function readMachineState(machine: PersonMachine): MachineState {
  try {
    return JSON.parse(readFileSync(machine.state, "utf8")) as MachineState;
  } catch {
    return {};
  }
}

/** Replaces a file in one step, readable by its owner only. */
export function writePrivateFile(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function writeState(machine: PersonMachine, state: MachineState): void {
  writePrivateFile(machine.state, `${JSON.stringify(state, undefined, 2)}\n`);
}

/** Asks for a new invite, as an administrator does for somebody who lost their phone. */
async function requestInvite(kubectl: Kubectl, user: string): Promise<void> {
  const request = `again-${Date.now()}`;
  const patch = JSON.stringify({ spec: { enrollment: { request } } });
  await kubectl.run(["-n", PROXY_NAMESPACE, "patch", "proxyuser", user, "--type=merge", "-p", patch]);
  await kubectl.wait(
    PROXY_NAMESPACE,
    `proxyuser/${user}`,
    `jsonpath={.status.observedRequest}=${request}`,
    30,
  );
}

async function enrolAgain(kubectl: Kubectl, web: WebClient, { user }: PersonMachine): Promise<Credentials> {
  const invite = ["get", "secret", `${user}-invite`, "--ignore-not-found", "-o", "name"];
  if ((await kubectl.run(["-n", PROXY_NAMESPACE, ...invite])) === "") await requestInvite(kubectl, user);
  const password = `demo-${crypto.randomUUID()}`;
  return await enrol(web, await readInvite(kubectl, PROXY_NAMESPACE, user), password);
}

/** Signs in with what an earlier run enrolled, or enrols with an invite first. */
export async function signInPerson(
  kubectl: Kubectl,
  web: WebClient,
  machine: PersonMachine,
): Promise<Credentials> {
  const state = readMachineState(machine);
  if (state.credentials !== undefined) {
    try {
      const credentials = await signIn(web, state.credentials);
      writeState(machine, { ...state, credentials });
      return credentials;
    } catch (error) {
      if (!(error instanceof WebApiError) || error.status !== 401) throw error;
    }
  }
  // Another cluster than last time, or credentials reset: nothing kept is good any more.
  await stopKeyHelper(machine.files);
  rmSync(machine.files.certificate, { force: true });
  const enrolled = await enrolAgain(kubectl, web, machine);
  writeState(machine, { credentials: enrolled });
  const credentials = await signIn(web, enrolled);
  writeState(machine, { credentials });
  return credentials;
}

/** The certificate in the key-helper's file, if it is good now. */
export function certificateInForce({ certificate }: KeyFiles): Certificate | undefined {
  if (!existsSync(certificate)) return undefined;
  const parsed = parseCertificateLine(readFileSync(certificate, "utf8"));
  return Number(parsed.validBefore) * 1000 > Date.now() ? parsed : undefined;
}

/** Waits until there is one; the message of a failure has the key-helper's last words. */
export async function waitForCertificate(files: KeyFiles): Promise<Certificate> {
  try {
    return await until("the certificate", () => certificateInForce(files), {
      deadlineMs: 20_000,
      everyMs: 20,
    });
  } catch (cause) {
    throw new Error(`no certificate in ${files.certificate}; the key-helper says:\n${keyHelperLog(files)}`, {
      cause,
    });
  }
}

/** Keeps the key-helper running and waits for its certificate. */
export async function runKeyHelper(
  web: WebClient,
  machine: PersonMachine,
  { program, server }: { readonly program: string; readonly server: string },
): Promise<Certificate> {
  const { files, user, caFile } = machine;
  await ensureKey(files, `${user}@${server.replace(/^https:\/\//, "")}`);
  if (runningKeyHelper(files) === undefined) {
    const state = readMachineState(machine);
    const token = state.token ?? (await web.createKeyHelperToken("this machine")).token;
    writeState(machine, { ...state, token });
    startKeyHelper(files, { program, server, user, token, caFile });
  }
  return await waitForCertificate(files);
}
