/**
 * This machine's files: where they are, and what is written into them when the
 * proxy has news.
 */
import type { KeyObject } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { SshPublicKey } from "@teleport-access/sshcert";
import { parseAddress } from "@teleport-access/wire";
import type { Address, ClusterHostKeys } from "@teleport-access/wire";
import { parseToken } from "./args.ts";
import type { Settings } from "./args.ts";
import { checkCertificatePath } from "./certificate-file.ts";
import { KeyHelperError, systemReason } from "./errors.ts";
import { loadDeviceKey, readPublicKey } from "./key-file.ts";
import { formatKnownHosts } from "./known-hosts.ts";
import { formatSshConfig, GENERATED_BY } from "./ssh-config.ts";
import { isCode, readBeginning, replaceFile } from "./write-file.ts";

/** Where everything is. All paths are absolute. */
export interface Paths {
  readonly key: string;
  readonly cert: string;
  readonly deviceKey: string;
  readonly sshConfig: string;
  readonly knownHosts: string;
}

/** What was read at start. */
export interface Machine {
  readonly paths: Paths;
  readonly publicKey: SshPublicKey;
  readonly deviceKey: KeyObject;
  readonly token: string;
  readonly ca: string | undefined;
}

/** Where files go that no flag names: `$XDG_STATE_HOME`, or what it stands for. */
export function defaultStateDir(home: string, xdgStateHome: string | undefined): string {
  const absolute = xdgStateHome?.startsWith("/") === true ? xdgStateHome : join(home, ".local/state");
  return join(absolute, "teleport-key-helper");
}

/** Works out all paths. One folder a server: its name, and its port where that is not 443. */
export function pathsOf(settings: Settings, stateDir: string): Paths {
  const { hostname, port } = new URL(settings.server);
  const server = hostname.replaceAll(/[^a-z0-9.-]/g, "") + (port === "" ? "" : `_${port}`);
  const folder = resolve(settings.stateDir ?? stateDir, server);
  return {
    key: resolve(settings.keyPath),
    cert: resolve(settings.certPath),
    deviceKey: join(folder, "device_key"),
    sshConfig: resolve(settings.sshConfig ?? join(folder, "ssh_config")),
    knownHosts: resolve(settings.knownHosts ?? join(folder, "known_hosts")),
  };
}

/** Reads and checks everything that can be wrong on this machine, before the network is touched. */
export async function prepareMachine(settings: Settings, stateDir: string): Promise<Machine> {
  const paths = pathsOf(settings, stateDir);
  const publicKey = await readPublicKey(paths.key);
  const token = await readToken(settings);
  const ca = settings.caFile === undefined ? undefined : await readCa(resolve(settings.caFile));
  await checkCertificatePath(paths.cert);
  await checkGeneratedPath(paths.sshConfig);
  await checkGeneratedPath(paths.knownHosts);
  // A try with nothing in it: paths that ssh cannot be told about are found now, not at the first sign-in.
  sshConfigOf(settings.user, paths, { host: "proxy", port: 1 }, []);
  const deviceKey = await loadDeviceKey(paths.deviceKey);
  return { paths, publicKey, deviceKey, token, ca };
}

/** Writes ssh_config and known_hosts for what the proxy says of itself. */
export async function writeSshFiles(
  user: string,
  paths: Paths,
  proxy: { readonly address: string; readonly hostKeys: readonly string[] },
  clusters: readonly ClusterHostKeys[],
): Promise<void> {
  const address = parseAddress(proxy.address);
  if (address === undefined) {
    throw new KeyHelperError("SERVER_PROTOCOL", "the server sent no usable address of its SSH port");
  }
  const sshConfig = sshConfigOf(user, paths, address, clusters);
  const knownHosts = formatKnownHosts(address, proxy.hostKeys, clusters);
  // The keys first: a config that names a cluster whose keys are not there yet would make ssh refuse it.
  await writeGenerated(paths.knownHosts, knownHosts);
  await writeGenerated(paths.sshConfig, sshConfig);
}

function sshConfigOf(
  user: string,
  paths: Paths,
  proxy: Address,
  clusters: readonly ClusterHostKeys[],
): string {
  return formatSshConfig({
    user,
    proxy,
    clusters: clusters.map(({ cluster }) => cluster),
    keyPath: paths.key,
    certPath: paths.cert,
    knownHostsPath: paths.knownHosts,
    ownPath: paths.sshConfig,
  });
}

async function writeGenerated(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new KeyHelperError("WRITE_FAILED", `cannot make ${dirname(path)}: ${systemReason(cause)}`, {
      cause,
    });
  }
  await replaceFile(path, text, 0o644);
}

/** A file that a person wrote is never overwritten: ours begin with a line that says so. */
async function checkGeneratedPath(path: string): Promise<void> {
  let beginning: string | undefined;
  try {
    beginning = await readBeginning(path, GENERATED_BY.length);
  } catch (cause) {
    const code = isCode(cause, "ENOTDIR") ? "STATE_UNUSABLE" : "OUTPUT_PATH_TAKEN";
    throw new KeyHelperError(code, `cannot use ${path}: ${systemReason(cause)}`, { cause });
  }
  if (beginning !== undefined && beginning !== "" && beginning !== GENERATED_BY) {
    throw new KeyHelperError(
      "OUTPUT_PATH_TAKEN",
      `${path} exists and was not written by teleport-key-helper`,
    );
  }
}

async function readToken({ token, tokenFile }: Settings): Promise<string> {
  if (tokenFile === undefined) return token ?? "";
  try {
    return parseToken((await readFile(tokenFile, "utf8")).trim());
  } catch (cause) {
    if (cause instanceof KeyHelperError) {
      throw new KeyHelperError("TOKEN_FILE_UNREADABLE", `in ${tokenFile}, ${cause.message}`, { cause });
    }
    throw new KeyHelperError("TOKEN_FILE_UNREADABLE", `cannot read ${tokenFile}: ${systemReason(cause)}`, {
      cause,
    });
  }
}

async function readCa(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new KeyHelperError("CA_FILE_UNREADABLE", `cannot read ${path}: ${systemReason(cause)}`, { cause });
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new KeyHelperError("CA_FILE_UNREADABLE", `${path} holds no certificate`);
  }
  return text;
}
