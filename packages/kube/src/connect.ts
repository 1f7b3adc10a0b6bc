/**
 * From "where am I" to a client: the one place that looks at the environment.
 */
import { systemClock } from "@teleport-access/daemon";
import type { Clock } from "@teleport-access/daemon";
import { createClient, type KubeClient } from "./client.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { SERVICE_ACCOUNT_FOLDER, serviceAccountConnection } from "./service-account.ts";
import { createTransport, type Connection } from "./transport.ts";

/** Where the API server and our identity come from. */
export type ConnectSource =
  | { readonly kind: "in-cluster" }
  | { readonly kind: "kubeconfig"; readonly path: string; readonly context?: string }
  | { readonly kind: "direct"; readonly connection: Connection };

export interface ConnectOptions {
  /** Shows up in the API server's audit log. @default "teleport-access" */
  readonly userAgent?: string;
  readonly clock?: Clock;
}

/** Makes a client; nothing is sent yet. Rejects with KUBE_CONFIG when the source cannot be used. */
export async function connect(source: ConnectSource, options: ConnectOptions = {}): Promise<KubeClient> {
  const { userAgent = "teleport-access", clock = systemClock } = options;
  return createClient(createTransport(await connectionOf(source, clock), userAgent), clock);
}

async function connectionOf(source: ConnectSource, clock: Clock): Promise<Connection> {
  if (source.kind === "direct") return source.connection;
  if (source.kind === "kubeconfig") return (await readKubeconfig(source)).connection;
  return serviceAccountConnection({
    host: process.env["KUBERNETES_SERVICE_HOST"],
    port: process.env["KUBERNETES_SERVICE_PORT"],
    folder: SERVICE_ACCOUNT_FOLDER,
    clock,
  });
}
