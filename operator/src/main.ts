/**
 * The operator program: reads the environment, seeks the Lease, and reconciles
 * while it leads. Never in the data path and never in the revocation path: while
 * it is away, sign-in, ssh and revocation go on.
 */
import {
  createCloserStack,
  createLogger,
  createMetrics,
  errorFields,
  onShutdown,
  startHealthServer,
  type Logger,
} from "@teleport-access/daemon";
import { connect, startLeaseElector } from "@teleport-access/kube";
import { readConfig, type OperatorConfig } from "./config.ts";
import { createOperatorMetrics } from "./metrics.ts";
import { startOperator, type RunningOperator } from "./operator.ts";
import { OPERATOR_VERSION } from "./version.ts";

const LEASE = "teleport-access-operator";
/** Longer than a pass may take to finish, shorter than the pod's grace period. */
const SHUTDOWN_GRACE_MS = 25_000;

async function run(config: OperatorConfig, log: Logger): Promise<void> {
  const closers = createCloserStack();
  const metrics = createMetrics("operator");
  const operatorMetrics = createOperatorMetrics(metrics);
  const client = await connect(config.connect, { userAgent: `teleport-access-operator/${OPERATOR_VERSION}` });
  closers.push(() => {
    client.close();
  });
  let operator: RunningOperator | undefined;
  const health = await startHealthServer({
    port: config.healthPort,
    live: () => true,
    // Waiting for the Lease is being ready: a rollout must not wait for the pod that it replaces.
    ready: () => (operator?.unsynced() ?? []).map((name) => `${name} not listed yet`),
    metrics,
  });
  closers.push(health);
  const elector = startLeaseElector({
    client,
    namespace: config.podNamespace,
    name: LEASE,
    identity: config.podName,
    log,
    onElected() {
      log.info("leading");
      operatorMetrics.setLeading(true);
      operator = startOperator({
        client,
        log,
        metrics: operatorMetrics,
        instance: config.podName,
        namespaces: config.watchNamespaces,
        proxyImage: config.proxyImage,
        agentImage: config.agentImage,
      });
    },
    onLost() {
      // Another operator may act from now on: not even a running pass may finish.
      log.error("lease lost");
      process.exit(1);
    },
  });
  onShutdown(
    async (signal) => {
      log.info("stopping", { signal });
      await operator?.stop();
      // Only now may the next one start.
      await elector.stop();
      await closers.close();
    },
    { graceMs: SHUTDOWN_GRACE_MS },
  );
  log.info("operator started", { version: OPERATOR_VERSION, namespaces: config.watchNamespaces });
}

async function main(): Promise<void> {
  let log = createLogger({ program: "operator" });
  try {
    const config = readConfig();
    log = createLogger({ program: "operator", level: config.logLevel });
    await run(config, log);
  } catch (error) {
    log.error("operator cannot start", errorFields(error));
    process.exit(1);
  }
}

await main();
