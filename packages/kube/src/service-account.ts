/**
 * The identity that Kubernetes gives a pod: files below one folder, which the
 * kubelet renews while we run.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@teleport-access/daemon";
import { KubeError } from "./errors.ts";
import type { Connection } from "./transport.ts";

/** Where the kubelet mounts it. */
export const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Tokens live for about an hour and are renewed at 80 % of it; a minute late is early enough. */
const REREAD_MS = 60_000;

export interface ServiceAccountOptions {
  /** KUBERNETES_SERVICE_HOST. */
  readonly host: string | undefined;
  /** KUBERNETES_SERVICE_PORT. */
  readonly port: string | undefined;
  readonly folder: string;
  readonly clock: Clock;
}

/** The connection of a pod. Rejects with KUBE_CONFIG when this is no pod, or one without a token. */
export function serviceAccountConnection(options: ServiceAccountOptions): Connection {
  const { host, port = "443", folder, clock } = options;
  if (host === undefined || host === "") {
    throw new KubeError("KUBE_CONFIG", "not in a pod: KUBERNETES_SERVICE_HOST is not set");
  }
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    token: freshFile(join(folder, "token"), clock),
    ca: freshFile(join(folder, "ca.crt"), clock),
  };
}

/** The namespace that the pod runs in. */
export function serviceAccountNamespace(folder: string = SERVICE_ACCOUNT_FOLDER): string {
  return read(join(folder, "namespace"));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new KubeError(
      "KUBE_CONFIG",
      `cannot read ${path}: is automountServiceAccountToken true for this pod?`,
      { cause },
    );
  }
}

/** A file's content, read again at most once a minute; while it cannot be read, the last content. */
function freshFile(path: string, clock: Clock): () => string {
  let content = read(path);
  let readAt = clock.monotonic();
  return () => {
    if (clock.monotonic() - readAt < REREAD_MS) return content;
    readAt = clock.monotonic();
    try {
      content = read(path);
    } catch {
      // The kubelet swaps the files; a miss is over by the next read, and the server judges a stale token.
    }
    return content;
  };
}
