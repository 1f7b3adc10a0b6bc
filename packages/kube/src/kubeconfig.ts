/**
 * Reads the part of a kubeconfig that our tools need: one context, its server,
 * and a token or a client certificate. Exec plugins and OIDC are left to kubectl:
 * people's machines have it, and our pods use their service account.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { KubeError } from "./errors.ts";
import type { Connection } from "./transport.ts";

export interface KubeconfigSource {
  readonly path: string;
  /** @default the file's current-context */
  readonly context?: string | undefined;
}

/** A kubeconfig's context, ready to connect. */
export interface KubeconfigContext {
  readonly connection: Connection;
  /** The context's namespace. */
  readonly namespace: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads a kubeconfig. Rejects with KUBE_CONFIG and a sentence that names file and field. */
export async function readKubeconfig({ path, context }: KubeconfigSource): Promise<KubeconfigContext> {
  // Loaded only here: pods never need YAML.
  const { parse } = await import("yaml");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new KubeError("KUBE_CONFIG", `cannot read kubeconfig ${path}`, { cause });
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new KubeError("KUBE_CONFIG", `kubeconfig ${path} is not YAML`, { cause });
  }
  return parseKubeconfig(value, path, context);
}

/** The context of a parsed kubeconfig; files it names are read relative to `path`. */
export function parseKubeconfig(value: unknown, path: string, wanted?: string): KubeconfigContext {
  const file = new KubeconfigFile(path, asFields(value));
  const name = wanted ?? file.text(file.root, "current-context");
  if (name === undefined) throw file.error("current-context is not set: name a context");
  const context = file.entry("contexts", name, "context");
  const clusterName = file.text(context, "cluster") ?? "";
  const cluster = file.entry("clusters", clusterName, "cluster");
  const user = file.entry("users", file.text(context, "user") ?? "", "user");
  const server = file.text(cluster, "server");
  if (server === undefined || !/^https?:\/\//.test(server)) {
    throw file.error(`cluster ${JSON.stringify(clusterName)} has no server URL`);
  }
  if (cluster["insecure-skip-tls-verify"] === true) {
    throw file.error("insecure-skip-tls-verify is not supported: give certificate-authority-data");
  }
  return {
    connection: { server, ...tlsOf(file, cluster, user), ...tokenOf(file, user) },
    namespace: file.text(context, "namespace"),
  };
}

function tlsOf(file: KubeconfigFile, cluster: Fields, user: Fields): Partial<Connection> {
  const ca = file.dataOrFile(cluster, "certificate-authority");
  const cert = file.dataOrFile(user, "client-certificate");
  const key = file.dataOrFile(user, "client-key");
  const serverName = file.text(cluster, "tls-server-name");
  if ((cert === undefined) !== (key === undefined)) {
    throw file.error("client-certificate and client-key belong together: one is missing");
  }
  return {
    ...(ca === undefined ? {} : { ca: () => ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function tokenOf(file: KubeconfigFile, user: Fields): Partial<Connection> {
  if (user["exec"] !== undefined || user["auth-provider"] !== undefined) {
    throw file.error("exec and auth-provider are not supported: use a token or a client certificate");
  }
  const tokenFile = file.text(user, "tokenFile");
  const token = tokenFile === undefined ? file.text(user, "token") : file.read(tokenFile).trim();
  return token === undefined ? {} : { token: () => token };
}

function asFields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

/** Access to one file's entries, with errors that name it. */
class KubeconfigFile {
  readonly #path: string;
  readonly root: Fields;

  constructor(path: string, root: Fields) {
    this.#path = path;
    this.root = root;
  }

  error(text: string, cause?: unknown): KubeError {
    return new KubeError("KUBE_CONFIG", `kubeconfig ${this.#path}: ${text}`, { cause });
  }

  text(fields: Fields, key: string): string | undefined {
    const value = fields[key];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value !== "string") throw this.error(`${key} is not a string`);
    return value;
  }

  /** The value of the entry called `name` in one of the named lists. */
  entry(list: string, name: string, key: string): Fields {
    const entries = this.root[list];
    const found = (Array.isArray(entries) ? entries : [])
      .map(asFields)
      .find((entry) => entry["name"] === name);
    if (found === undefined) throw this.error(`no entry ${JSON.stringify(name)} in ${list}`);
    return asFields(found[key]);
  }

  /** `<key>-data` in base64, or the file that `<key>` names. */
  dataOrFile(fields: Fields, key: string): string | undefined {
    const data = this.text(fields, `${key}-data`);
    if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
    const name = this.text(fields, key);
    return name === undefined ? undefined : this.read(name);
  }

  read(name: string): string {
    const path = resolve(dirname(this.#path), name);
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw this.error(`cannot read ${path}`, cause);
    }
  }
}
