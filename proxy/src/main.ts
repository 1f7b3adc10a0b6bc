/**
 * The proxy's process: reads what is mounted, starts the proxy and its health port, ends
 * in order. What the proxy consists of: proxy.ts.
 */
import {
  createLogger,
  createMetrics,
  errorFields,
  onShutdown,
  startHealthServer,
  systemClock,
} from "@teleport-access/daemon";
import type { Logger } from "@teleport-access/daemon";
import { connect } from "@teleport-access/kube";
import { startSsh2 } from "@teleport-access/ssh";
import { PORTS, readEnvironment, SHUTDOWN_GRACE_MS } from "./config.ts";
import { ProxyError } from "./errors.ts";
import { readMountedKeys } from "./mounted-keys.ts";
import { createProxy } from "./proxy.ts";
import { createWebServer } from "./web/server.ts";

/** Left for the last goodbyes after the sessions' grace is over. */
const CLOSING_MS = 2000;

async function run(log: Logger): Promise<void> {
  const clock = systemClock;
  const environment = readEnvironment();
  const facts = await startSsh2();
  log.info("ssh ready", { ...facts });
  const keys = readMountedKeys(environment, { clock, log });
  const kube = await connect({ kind: "in-cluster" }, { userAgent: "teleport-access-proxy", clock });
  const metrics = createMetrics("proxy");
  const proxy = await createProxy({
    ...{ environment, keys, kube, clock, log, metrics },
    createWeb: createWebServer,
  });
  const health = await startHealthServer({
    port: PORTS.health,
    host: environment.listenHost,
    live: () => true,
    ready: () => proxy.notReady(),
    metrics,
  });
  onShutdown(
    async () => {
      await proxy.shutDown(SHUTDOWN_GRACE_MS - CLOSING_MS);
      await health.close();
    },
    { graceMs: SHUTDOWN_GRACE_MS },
  );
  const ports = await proxy.listen(PORTS).catch(explainPort);
  log.info("proxy started", { pod: environment.pod, namespace: environment.namespace, ...ports });
}

function explainPort(error: unknown): never {
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
    throw new ProxyError("PORT_UNUSABLE", `a port is in use: ${error.message}`, { cause: error });
  }
  throw error;
}

function end(log: Logger, message: string, error: unknown): void {
  log.error(message, errorFields(error));
  process.exitCode = 1;
  process.exit();
}

const log = createLogger({ program: "proxy" });
// A defect in one connection must not go on in an unknown state, nor print a stack trace.
process.on("uncaughtException", (error) => {
  end(log, "defect: the process ends", error);
});
run(log).catch((error: unknown) => {
  end(log, "the proxy cannot start", error);
});
